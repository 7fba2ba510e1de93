"""What the sandbox needs to know, from code or from STRIPE_SANDBOX_* environment variables."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

API_VERSION = "2026-10-28.endive"

# Stripe retries for three days in live mode; a developer waits seconds.
DEFAULT_RETRY_SCHEDULE = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 60.0, 60.0, 60.0, 60.0)


@dataclass(frozen=True, kw_only=True)
class StripeSandboxSettings:
    """Settings of one sandbox.

    api_key: the secret key clients must present; starts with `sk_test_`.
    webhook_secret: signs deliveries; starts with `whsec_`.
    webhook_url: where events go; None stores events without delivering them.
    public_url: base URL of the hosted pages, as a browser sees it.
    state_path: SQLite file that survives a restart; None keeps state in memory.
    retry_schedule: seconds between delivery attempts; after the last one a delivery is exhausted.
    retry_days: days between the attempts to collect a renewal; after_retries: what its subscription is after the
        last one: canceled, unpaid or past_due (the account's setting at Stripe).
    delivery_concurrency: deliveries in flight at once.
    delivery_timeout_seconds: how long one delivery may take before it counts as failed.
    now: seconds since the epoch; object times, expiry and signature timestamps come from it.
    Raises ValueError when a value cannot work.
    """

    api_key: str
    webhook_secret: str
    webhook_url: str | None
    public_url: str
    state_path: Path | None = None
    retry_schedule: tuple[float, ...] = DEFAULT_RETRY_SCHEDULE
    retry_days: tuple[int, ...] = (3, 5, 7)
    after_retries: str = "canceled"
    delivery_concurrency: int = 16
    delivery_timeout_seconds: float = 10.0
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not self.api_key.startswith("sk_test_") or len(self.api_key) <= len("sk_test_"):
            raise ValueError("api_key must start with sk_test_")
        if not self.webhook_secret.startswith("whsec_") or len(self.webhook_secret) <= len("whsec_"):
            raise ValueError("webhook_secret must start with whsec_")
        for name, url in (("public_url", self.public_url), ("webhook_url", self.webhook_url)):
            if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc):
                raise ValueError(f"{name} must be an absolute http(s) URL")
        if self.delivery_concurrency < 1 or self.delivery_timeout_seconds <= 0:
            raise ValueError("delivery_concurrency and delivery_timeout_seconds must be positive")
        if self.after_retries not in {"canceled", "unpaid", "past_due"} or any(days < 1 for days in self.retry_days):
            raise ValueError("after_retries must be canceled, unpaid or past_due, and retry_days whole days")
        if any(delay < 0 for delay in self.retry_schedule):
            raise ValueError("retry_schedule must not hold negative delays")

    @property
    def base_url(self) -> str:
        """`public_url` without a trailing slash."""
        return self.public_url.rstrip("/")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "StripeSandboxSettings":
        """Reads STRIPE_SANDBOX_API_KEY, _WEBHOOK_SECRET, _WEBHOOK_URL, _PUBLIC_URL, _STATE_PATH, _RETRY_SCHEDULE
        (comma separated seconds), _AFTER_RETRIES, _DELIVERY_CONCURRENCY and _DELIVERY_TIMEOUT_SECONDS.

        Raises ValueError.
        """

        def read(name: str, default: str = "") -> str:
            return environ.get(f"STRIPE_SANDBOX_{name}", default).strip()

        state_path, schedule = read("STATE_PATH"), read("RETRY_SCHEDULE")
        return cls(
            api_key=read("API_KEY", "sk_test_sandbox"),
            webhook_secret=read("WEBHOOK_SECRET", "whsec_sandbox"),
            webhook_url=read("WEBHOOK_URL") or None,
            public_url=read("PUBLIC_URL", "http://127.0.0.1:8010"),
            state_path=Path(state_path) if state_path else None,
            retry_schedule=(tuple(float(part) for part in schedule.split(",")) if schedule else DEFAULT_RETRY_SCHEDULE),
            after_retries=read("AFTER_RETRIES", "canceled"),
            delivery_concurrency=int(read("DELIVERY_CONCURRENCY", "16")),
            delivery_timeout_seconds=float(read("DELIVERY_TIMEOUT_SECONDS", "10")),
        )
