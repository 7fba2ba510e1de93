"""The one module that imports Stripe's SDK: the client, and what its errors mean for us."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from services.billing.adapters.payments import CustomerDeleted, ProviderFailure
from shared.database import FailureClass


@contextmanager
def _unavailable(module: str) -> Iterator[None]:
    """Importing it fails within the block, unless it was imported before."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


# For a synchronous client, which nothing here uses, the SDK loads whatever it finds: 4 MB in each process of billing.
with _unavailable("requests"):
    import stripe

Answer = TypeVar("Answer")
StripeClient = stripe.StripeClient
RequestOptions = stripe.RequestOptions

# The API version the SDK speaks and our readings were written for, e.g. "2026-10-28.endive".
API_VERSION: str = stripe.api_version or ""
_TIMEOUT = 10.0
_RETRIES = 2
# Errors that come and go: another request holds the same key, or the same object.
_BUSY = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})


def make_client(secret_key: str, api_base: str) -> tuple[stripe.StripeClient, Callable[[], Awaitable[None]]]:
    """A client of its own, never the module-global key, with bounded time and retries; and how to close it."""
    connections = stripe.HTTPXClient(timeout=_TIMEOUT)
    client = stripe.StripeClient(
        secret_key,
        base_addresses={"api": api_base},
        http_client=connections,
        max_network_retries=_RETRIES,
    )
    return client, connections.close_async


async def call(request: Awaitable[Answer]) -> Answer:
    """Awaits one SDK call. Raises ProviderFailure, classified after https://docs.stripe.com/api/errors."""
    try:
        return await request
    except stripe.APIConnectionError as error:
        raise ProviderFailure("Stripe did not answer", FailureClass.AMBIGUOUS) from error
    except stripe.StripeError as error:
        raise _classified(error) from error


def key_of(*parts: object) -> RequestOptions:
    """The idempotency key made of our own ids: a repeated call repeats it."""
    return {"idempotency_key": "-".join(str(part) for part in parts)}


@contextmanager
def without_customer() -> Iterator[None]:
    """Within the block, that Stripe misses the customer named in a call is told apart: CustomerDeleted."""
    try:
        yield
    except ProviderFailure as failure:
        if (error_code(failure), error_param(failure)) != ("resource_missing", "customer"):
            raise
        raise CustomerDeleted(failure.reason, failure.failure, answered=True) from failure.__cause__


def _classified(error: stripe.StripeError) -> ProviderFailure:
    status, code = error.http_status or 0, error.code or ""
    # Stripe's message may quote what was sent; its type and code never do.
    reason = f"Stripe answered {status} {type(error).__name__} {code}".rstrip()
    if status == 429 or code in _BUSY:
        return ProviderFailure(reason, FailureClass.TRANSIENT, retry_after=_retry_after(error))
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        # Ours to repair, by configuration: the row waits rather than dies.
        return ProviderFailure(reason, FailureClass.TRANSIENT, retry_after=60.0, answered=True)
    if isinstance(error, stripe.IdempotencyError):
        # An earlier version of this call used the key with other parameters: another key, after a look.
        return ProviderFailure(reason, FailureClass.AMBIGUOUS, answered=True)
    if 400 <= status < 500 and error.error is None:
        # Every refusal of Stripe's names an error object: this was said by something between us.
        return ProviderFailure(f"not Stripe but something before it answered {status}", FailureClass.AMBIGUOUS)
    if 400 <= status < 500:
        param = getattr(error, "param", None)
        return ProviderFailure(f"{reason} {param or ''}".rstrip(), FailureClass.PERMANENT, answered=True)
    return ProviderFailure(reason, FailureClass.AMBIGUOUS, answered=True)


def _retry_after(error: stripe.StripeError) -> float | None:
    try:
        return min(max(float((error.headers or {}).get("retry-after", "")), 0.5), 300.0)
    except ValueError:
        return None


def error_code(failure: ProviderFailure) -> str:
    """Stripe's code behind a failure, e.g. `resource_missing`; empty when there is none."""
    cause = failure.__cause__
    return (cause.code or "") if isinstance(cause, stripe.StripeError) else ""


def error_param(failure: ProviderFailure) -> str:
    """The parameter Stripe blames for a failure; empty when there is none."""
    return str(getattr(failure.__cause__, "param", None) or "")
