"""OpenTelemetry context, carried as a W3C traceparent over HTTP, through the bus and on every durable row.

Spans are always made, so that log lines and history rows of one order share a trace id; they are exported only
when OTEL_EXPORTER_OTLP_ENDPOINT says where to.
"""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# https://www.w3.org/TR/trace-context/#traceparent-header, version 00
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})\Z")
_propagator = TraceContextTextMapPropagator()
_provider = TracerProvider(resource=Resource.create({"service.name": "ez"}))
_tracer = _provider.get_tracer("ez")


def configure_tracing(service: str, endpoint: str | None = None) -> None:
    """Names the service and, where there is a collector (its OTLP address), exports spans to it in batches."""
    global _provider, _tracer
    _provider = TracerProvider(resource=Resource.create({"service.name": f"ez-{service}"}))
    if endpoint is not None:
        _provider.add_span_processor(import_module("shared.telemetry.otlp").exporting(endpoint))
    _tracer = _provider.get_tracer("ez")


@contextmanager
def span(name: str, parent: str | None = None, **attributes: str) -> Iterator[trace.Span]:
    """Runs the block in a span; `parent` is a traceparent from a header or a row (ignored when malformed).

    `attributes` are OpenTelemetry's, with `__` for `.`: `messaging__operation__name="process"`.
    """
    given = _propagator.extract({"traceparent": parent}) if parent else None
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    with _tracer.start_as_current_span(name, context=given, attributes=named) as current:
        yield current


def traceparent(given: str | None) -> str:
    """`given` when it is one, else that of a new trace: for hot paths, where a span of their own costs too much."""
    if given is not None and _TRACEPARENT.match(given):
        return given
    # Names, not secrets: the system's own randomness would cost a call each.
    return f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"


@contextmanager
def continuing(parent: str | None) -> Iterator[None]:
    """Runs the block in the trace of `parent` without a span of its own: for one of many rows handled together."""
    found = _TRACEPARENT.match(parent) if parent is not None else None
    if found is None:
        yield
        return
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    given = trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags))
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(given)))
    try:
        yield
    finally:
        context.detach(token)


def current_traceparent() -> str | None:
    """The traceparent to hand on, or None outside any span."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        return None
    return f"00-{current.trace_id:032x}-{current.span_id:016x}-{current.trace_flags:02x}"


def current_trace_id() -> str | None:
    """The 32 hex digits that one order's lines have in common, or None outside any span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
