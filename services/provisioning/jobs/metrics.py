"""How delivery is doing, for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

from shared.telemetry.metrics import registry

step_seconds = Histogram(
    "ez_provisioning_step_seconds",
    "Time a provider needed for one step of a job.",
    ["step", "outcome"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
    registry=registry,
)
delivery_seconds = Histogram(
    "ez_provisioning_delivery_seconds",
    "Time from an entitlement's arrival to its running service.",
    buckets=(5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400),
    registry=registry,
)
circuit_open = Gauge(
    "ez_provisioning_circuit_open", "1 while this process counts a provider as away.", ["provider"], registry=registry
)
drift_found = Counter(
    "ez_provisioning_drift_total",
    "Differences found between our books and a provider.",
    ["provider", "kind"],
    registry=registry,
)
