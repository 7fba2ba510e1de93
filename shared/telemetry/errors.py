"""Error reports to Sentry, when a DSN is set; never with a body, a header or a local variable in them."""

from typing import Any

import sentry_sdk

from shared.telemetry.redaction import redact


def configure_errors(dsn: str | None, service: str, environment: str, release: str) -> None:
    """Starts Sentry for this process; without a DSN nothing is sent anywhere."""
    if not dsn:
        return

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
