"""What billing asks of a payment provider, in billing's words.

Every call may raise `ProviderFailure`: it says whether the call was refused (permanent), should be repeated
(transient), or may have happened without our hearing of it (ambiguous: repeat under the same key, or look first).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.billing.domain.facts import SessionFact, SubscriptionFact
from shared.contracts.intervals import Recurrence
from shared.database import FailureClass, HandlingFailed


class ProviderFailure(HandlingFailed):
    """A call that did not succeed. `answered` is True when the provider itself said so: under the same idempotency
    key it would say the same again, so the next try needs another key."""

    def __init__(
        self, reason: str, failure: FailureClass, *, retry_after: float | None = None, answered: bool = False
    ) -> None:
        super().__init__(reason, failure, retry_after=retry_after)
        self.answered = answered


class CustomerDeleted(ProviderFailure):
    """The customer was deleted at the provider: the same call succeeds with a new one only."""


class InvalidSignature(Exception):
    """A delivery that is not provably the provider's, or not recent. Its text holds nothing of the body."""


@dataclass(frozen=True, slots=True)
class CustomerDetails:
    """The account that pays. `number` counts the customers of it that were deleted at the provider."""

    account_id: str
    email: str
    name: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class ProductDetails:
    """A plan as customers see it on the payment page."""

    plan_id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class PriceDetails:
    """A price of a product; the amount in minor units. `recurrence` is None for what is charged once."""

    price_id: str
    product_id: str
    currency: str
    recurrence: Recurrence | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A line of the payment page: a price times `quantity`, and a one-time fee per unit. `product_id` is the
    provider's; amounts are per unit, in minor units."""

    stripe_price_id: str
    product_id: str
    description: str
    quantity: int
    unit_amount_minor: int
    setup_fee_minor: int


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A payment page for one checkout. Equal requests under one key open one page.

    mode: `subscription` starts a subscription with the payment; `payment` takes the first period of every line at
    once and saves the card. group_id: the group the subscription is for, in that mode.
    """

    key: str
    checkout_id: str
    attempt: int
    order_id: str
    order_number: str
    account_id: str
    customer_id: str
    currency: str
    mode: str
    group_id: str | None
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


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """A subscription for the items of one group, paid for until `first_charge_at`; None charges at once.

    units: the provider's price id → how many. The card is the one that paid `session_id`.
    """

    group_id: str
    order_id: str
    order_number: str
    account_id: str
    checkout_id: str
    customer_id: str
    session_id: str
    units: dict[str, int]
    first_charge_at: datetime | None


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

    async def find_subscription(self, customer_id: str, group_id: str) -> SubscriptionFact | None:
        """The subscription made for this group, ended or not: the look before a second create."""
        ...

    async def start_subscription(self, request: SubscriptionRequest, *, generation: int = 0) -> SubscriptionFact:
        """Starts it with the card that paid the page; nothing is charged before `first_charge_at`."""
        ...

    async def retrieve_subscription(self, subscription_id: str) -> SubscriptionFact:
        """The subscription as it stands now."""
        ...

    async def move_next_charge(self, subscription_id: str, to: datetime) -> SubscriptionFact:
        """Charges next at `to`, for nothing more or less, and notes on it that it was moved."""
        ...

    async def set_quantities(self, subscription: SubscriptionFact, units: dict[str, int]) -> SubscriptionFact:
        """Makes it charge these units per price from the next period on; nothing is charged or credited now."""
        ...

    async def cancel_subscription(self, subscription_id: str) -> SubscriptionFact:
        """Ends it now; nothing is credited. Tells how it stands when it had ended already."""
        ...

    async def stop_renewing(self, subscription_id: str, reason: str) -> SubscriptionFact:
        """Lets it run out at the end of what is paid. `reason` is kept at the provider, for people."""
        ...

    async def retrieve_object(self, kind: str, object_id: str) -> dict[str, Any]:
        """An object an event told of, as JSON in our API version. `kind` is its `object` field."""
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
