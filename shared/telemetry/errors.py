"""Error reports to Sentry, when a DSN is set; never with a body, a header or a local variable in them."""

import sys
from collections.abc import Mapping
from typing import Any

from shared.telemetry.redaction import redact


def configure_errors(dsn: str | None, service: str, environment: str, release: str) -> None:
    """Starts Sentry for this process; without a DSN nothing is sent anywhere."""
    if not dsn:
        return
    import sentry_sdk  # noqa: PLC0415 - 6 MB in every process, for those that have a DSN

    def scrub(event: Any, _hint: Any) -> Any:
        event.pop("request", None)
        return redact(event)

    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        release=release,
        server_name=service,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        before_send=scrub,
        before_send_transaction=scrub,
    )


def report_line(line: Mapping[str, Any]) -> None:
    """Sends a log line of level error or above to Sentry, where it runs; the line must be redacted already."""
    sentry = sys.modules.get("sentry_sdk")
    if sentry is None or line.get("level") not in ("error", "critical"):
        return
    with sentry.new_scope() as scope:
        scope.set_context("line", dict(line))
        # One issue for each kind of event, however its fields differ.
        scope.fingerprint = [str(line.get("logger", "")), str(line.get("event", ""))]
        sentry.capture_message(str(line.get("event", "")), level="fatal" if line["level"] == "critical" else "error")
