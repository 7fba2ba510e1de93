"""What billing asks of a payment provider, in billing's words.

Every call may raise `ProviderFailure`: it says whether the call was refused (permanent), should be repeated
(transient), or may have happened without our hearing of it (ambiguous: repeat under the same key, or look first).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.billing.domain.facts import SessionFact
from shared.database import FailureClass, HandlingFailed


class ProviderFailure(HandlingFailed):
    """A call that did not succeed. `answered` is True when the provider itself said so: under the same idempotency
    key it would say the same again, so the next try needs another key."""

    def __init__(
        self, reason: str, failure: FailureClass, *, retry_after: float | None = None, answered: bool = False
    ) -> None:
        super().__init__(reason, failure, retry_after=retry_after)
        self.answered = answered


class InvalidSignature(Exception):
    """A delivery that is not provably the provider's, or not recent. Its text holds nothing of the body."""


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """The account that pays."""

    account_id: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class ProductDetails:
    """A plan as customers see it on the payment page."""

    plan_id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class PriceDetails:
    """A recurring price of a product; the amount in minor units."""

    price_id: str
    product_id: str
    currency: str
    interval: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A line of the payment page: the provider's price times `quantity`, and a one-time fee per unit."""

    stripe_price_id: str
    description: str
    quantity: int
    setup_fee_minor: int


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A payment page for one checkout. Equal requests under one key open one page."""

    key: str
    checkout_id: str
    attempt: int
    order_id: str
    order_number: str
    account_id: str
    customer_id: str
    currency: str
    lines: tuple[SessionLine, ...]
    success_url: str
    cancel_url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A payment page as it stands. `url` is None when it takes no payment any more."""

    fact: SessionFact
    url: str | None
    expires_at: datetime


class PaymentProvider(Protocol):
    """The provider's API. `generation` changes the idempotency key of a create whose earlier key answers errors."""

    async def ensure_customer(self, details: CustomerDetails, *, generation: int = 0) -> str:
        """The customer's id: the one made for this account earlier, or a new one."""
        ...

    async def ensure_product(self, details: ProductDetails, *, generation: int = 0) -> str:
        """The product's id, after its name and description are as given."""
        ...

    async def ensure_price(self, details: PriceDetails, *, generation: int = 0) -> str:
        """The price's id. Permanent failure when a price of this id exists with other terms."""
        ...

    async def open_session(self, request: SessionRequest) -> OpenedSession:
        """Opens the payment page, or returns the one this key opened before."""
        ...

    async def find_session(self, customer_id: str, checkout_id: str) -> OpenedSession | None:
        """The open payment page of this checkout, if there is one: the look before a second create."""
        ...

    async def retrieve_session(self, session_id: str) -> OpenedSession:
        """The payment page as it stands now."""
        ...

    async def expire_session(self, session_id: str) -> OpenedSession:
        """Closes the page if it is open; tells how it stands afterwards (it may have been paid just before)."""
        ...

    async def advance_clock(self, customer_id: str, to: datetime) -> datetime:
        """Test mode only: moves the provider's time of this customer forward to `to`, and waits until everything that
        falls due on the way has happened there. Returns where the clock stands, which is later than `to` when it had
        gone further already. Safe to repeat. Permanent failure for a customer without a clock of its own.

        https://docs.stripe.com/billing/testing/test-clocks/api-advanced-usage
        """
        ...

    async def list_events(
        self, *, since: datetime, until: datetime, after: str | None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """One page of the provider's own event log, newest first, as the JSON its webhooks carry."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


class WebhookVerifier(Protocol):
    """Tells the provider's deliveries from everybody else's."""

    def verify(self, body: bytes, header: bytes | None) -> None:
        """Raises InvalidSignature unless one of the secrets signed exactly this body, within the tolerance."""
        ...
