"""Error reports to Sentry, when a DSN is set; never with a body, a header or a local variable in them."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

_send: Callable[[Mapping[str, Any]], None] | None = None


def configure_errors(dsn: str | None, service: str, environment: str, release: str) -> None:
    """Starts Sentry for this process; without a DSN nothing is sent anywhere."""
    global _send
    if dsn:
        sentry = import_module("shared.telemetry.sentry")
        sentry.start(dsn, service, environment, release)
        _send = sentry.send


def report_line(line: Mapping[str, Any]) -> None:
    """Sends a log line of level error or above to Sentry, where it runs; the line must be redacted already."""
    if _send is not None and line.get("level") in ("error", "critical"):
        _send(line)
