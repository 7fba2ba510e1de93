"""Prometheus metrics every service has; a service adds its own beside its code."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

registry = CollectorRegistry()

http_requests = Counter(
    "ez_http_requests_total", "Requests answered.", ["service", "method", "status"], registry=registry
)
http_seconds = Histogram(
    "ez_http_request_seconds",
    "Time to answer a request.",
    ["service", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)
durable_handled = Counter(
    "ez_durable_handled_total",
    "Durable rows handled, by outcome.",
    ["service", "queue", "outcome"],
    registry=registry,
)
durable_rows = Gauge(
    "ez_durable_rows",
    "Durable rows that wait, are dead or are parked.",
    ["service", "queue", "state"],
    registry=registry,
)
durable_oldest_seconds = Gauge(
    "ez_durable_oldest_seconds",
    "Age of the oldest row that is overdue.",
    ["service", "queue"],
    registry=registry,
)


def handled(service: str, queue: str, outcome: str, rows: int = 1) -> None:
    """Counts durable rows."""
    durable_handled.labels(service, queue, outcome).inc(rows)


def exposition() -> bytes:
    """Everything in Prometheus's text format."""
    return generate_latest(registry)
