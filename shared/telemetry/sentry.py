"""Sends error reports to Sentry. Loaded only where there is a DSN: what it brings along weighs 6 MB."""

from collections.abc import Mapping
from typing import Any

import sentry_sdk

from shared.telemetry.redaction import redact


def start(dsn: str, service: str, environment: str, release: str) -> None:
    """Starts Sentry for this process."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        server_name=service,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=_scrub,
        before_send_transaction=_scrub,
    )


def send(line: Mapping[str, Any]) -> None:
    """Sends a log line; it must be redacted already."""
    with sentry_sdk.new_scope() as scope:
        scope.set_context("line", dict(line))
        # One issue for each kind of event, however its fields differ.
        scope.fingerprint = [str(line.get("logger", "")), str(line.get("event", ""))]
        sentry_sdk.capture_message(
            str(line.get("event", "")), level="fatal" if line["level"] == "critical" else "error"
        )


def _scrub(event: Any, _hint: Any) -> Any:
    event.pop("request", None)
    return redact(event)
