"""Catalog asks for a payment page: open one, once per order.

Three steps, so that no call waits inside a transaction: the intent is committed, Stripe is called under a key made
from it, the result is committed. A crash between them is repaired by the next request, which repeats the same call.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy import select

from services.billing.adapters.payments import (
    OpenedSession,
    PaymentProvider,
    ProviderFailure,
    SessionLine,
    SessionRequest,
)
from services.billing.domain import Checkout, CheckoutLine, ClosedOrder, Payer, Price
from services.billing.use_cases.close_order import close_page, lock_order
from services.billing.use_cases.settle_checkout import apply_session
from services.billing.use_cases.stripe_tasks import customer_details, record_customer
from shared.contracts.patience import STRIPE_CALLS
from shared.database import Database, FailureClass, UnitOfWork
from shared.kernel import Conflict, FieldError, Invalid, Unavailable
from shared.kernel.crashpoints import reach

log = structlog.get_logger()
Answer = TypeVar("Answer")

# Stripe: 20 recurring and 20 one-time lines (https://docs.stripe.com/api/checkout/sessions/create).
MOST_LINES = 20
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class CheckoutTerms:
    """What is to be paid: the order's frozen lines and total."""

    order_id: str
    order_number: str
    account_id: str
    currency: str
    total_minor: int
    expires_at: datetime
    lines: tuple[CheckoutLine, ...]


@dataclass(frozen=True, slots=True)
class CheckoutLink:
    """Where the customer pays, and until when."""

    checkout_id: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page must be opened. `fresh` is False when an earlier request may have opened it already."""

    request: SessionRequest
    fresh: bool


@dataclass(frozen=True, slots=True)
class ClosePage:
    """The page at hand is of no use any more; how it ended must be known before another is opened."""

    session_id: str


def check_terms(terms: CheckoutTerms) -> None:
    """Raises Invalid for an order that cannot be one payment page, or whose lines do not add up to its total."""
    if not 1 <= len(terms.lines) <= MOST_LINES:
        raise Invalid(f"An order has 1 to {MOST_LINES} lines.", slug="too-many-lines")
    if len({line.interval for line in terms.lines}) > 1:
        detail = "All lines of one order must be billed at the same interval."
        errors = tuple(FieldError(f"/lines/{index}/interval", detail) for index in range(len(terms.lines)))
        raise Invalid(detail, slug="mixed-intervals", errors=errors)
    total = sum(line.total_minor for line in terms.lines)
    if total != terms.total_minor:
        raise Invalid(
            f"The lines add up to {total}, not to {terms.total_minor}.",
            slug="total-differs",
            errors=(FieldError("/total_minor", "is not the sum of the lines"),),
        )


class CheckoutDesk:
    """Opens payment pages at the provider."""

    def __init__(self, database: Database, payments: PaymentProvider, public_url: str) -> None:
        self._database = database
        self._payments = payments
        self._public_url = public_url

    async def open(self, terms: CheckoutTerms) -> CheckoutLink:
        """The page for this order: the one it has, or a new one. Raises Invalid, Conflict or Unavailable."""
        check_terms(terms)
        try:
            async with asyncio.timeout(STRIPE_CALLS):
                customer_id = await self._customer(terms.account_id)
                for _round in range(_ROUNDS):
                    link = await self._once(terms, customer_id)
                    if link is not None:
                        return link
        except TimeoutError:
            log.warning("checkout_timeout", order_id=terms.order_id)
        raise Unavailable("The payment page could not be opened yet.", slug="payments-away", retry_after=2)

    async def _once(self, terms: CheckoutTerms, customer_id: str) -> CheckoutLink | None:
        step = await self._database.run(lambda work: prepare_checkout(work, terms, customer_id, self._public_url))
        if isinstance(step, CheckoutLink):
            return step
        if isinstance(step, ClosePage):
            await self._close(step)
            return None
        return await self._open(step)

    async def _customer(self, account_id: str) -> str:
        async with self._database.read() as session:
            payer = await session.get(Payer, account_id)
        if payer is None:
            raise Unavailable("The account is not known here yet.", slug="account-unknown", retry_after=1)
        if payer.stripe_customer_id is not None:
            return payer.stripe_customer_id
        customer_id = await _asked(self._payments.ensure_customer(customer_details(payer)))
        await self._database.run(lambda work: record_customer(work, account_id, customer_id))
        return customer_id

    async def _close(self, step: ClosePage) -> None:
        opened = await _asked(self._payments.expire_session(step.session_id))
        # Another page follows at once, so that this one ended is no news to anybody.
        await self._database.run(lambda work: apply_session(work, opened.fact, announce=False))
        if opened.fact.status == "complete" and not opened.fact.settled:
            raise _not_payable("The payment for this order is being processed by the bank.")

    async def _open(self, step: OpenPage) -> CheckoutLink | None:
        request = step.request
        try:
            opened = None if step.fresh else await self._find(request)
            if opened is None:
                opened = await self._payments.open_session(request)
        except ProviderFailure as failure:
            if failure.answered and failure.failure is FailureClass.AMBIGUOUS:
                # Stripe would repeat this answer under the same key for a day.
                await self._database.run(lambda work: give_up_attempt(work, request.checkout_id, request.attempt))
            raise _unavailable(failure) from failure
        reach("billing.checkout.after_call")
        link = await self._database.run(lambda work: record_session(work, request, opened))
        if link is None:
            raise _not_payable("The order was canceled.")
        return link

    async def _find(self, request: SessionRequest) -> OpenedSession | None:
        found = await self._payments.find_session(request.customer_id, request.checkout_id)
        return found if found is not None and found.url is not None else None


async def prepare_checkout(
    work: UnitOfWork, terms: CheckoutTerms, customer_id: str, public_url: str
) -> CheckoutLink | OpenPage | ClosePage:
    """Commits the intent to be paid, and says what must happen at Stripe. Raises Conflict when nothing may."""
    await lock_order(work, terms.order_id)
    now = work.clock.now()
    if await work.session.get(ClosedOrder, terms.order_id) is not None:
        raise _not_payable("The order was canceled.")
    checkout = await _locked_checkout(work, terms)
    if checkout.status in ("paid", "mismatched"):
        raise _not_payable("A payment for this order has already arrived.")
    if terms.expires_at <= now:
        raise _not_payable("The time to pay for this order has run out.")
    if checkout.link_works(now):
        assert checkout.session_url is not None
        assert checkout.session_expires_at is not None
        return CheckoutLink(checkout.id, checkout.session_url, checkout.session_expires_at)
    if checkout.status == "open" and checkout.stripe_session_id is not None:
        return ClosePage(checkout.stripe_session_id)
    lines = await _session_lines(work, terms)
    fresh = checkout.status == "expired" or not checkout.can_still_be_created(now)
    if fresh:
        checkout.order_expires_at = terms.expires_at
        checkout.next_session(customer_id, now)
    return OpenPage(_request(checkout, lines, public_url), fresh=fresh and checkout.attempt == 1)


async def _locked_checkout(work: UnitOfWork, terms: CheckoutTerms) -> Checkout:
    statement = select(Checkout).where(Checkout.order_id == terms.order_id).with_for_update()
    checkout = (await work.session.execute(statement)).scalar_one_or_none()
    if checkout is None:
        checkout = Checkout.begin(
            order_id=terms.order_id,
            order_number=terms.order_number,
            account_id=terms.account_id,
            currency=terms.currency,
            total_minor=terms.total_minor,
            lines=[asdict(line) for line in terms.lines],
            order_expires_at=terms.expires_at,
            at=work.clock.now(),
        )
        work.add(checkout)
    elif not checkout.is_for(account_id=terms.account_id, currency=terms.currency, total_minor=terms.total_minor):
        raise Conflict("This order already has a checkout with other terms.", slug="checkout-differs")
    return checkout


async def _session_lines(work: UnitOfWork, terms: CheckoutTerms) -> tuple[SessionLine, ...]:
    """The lines with Stripe's price ids. What Stripe would charge per price must be what the order says."""
    wanted = {line.price_id for line in terms.lines}
    rows = await work.session.execute(select(Price).where(Price.id.in_(wanted)))
    prices = {price.id: price for price in rows.scalars()}
    lines = []
    for index, line in enumerate(terms.lines):
        price = prices.get(line.price_id)
        if price is None or price.stripe_price_id is None:
            raise Unavailable("A price is not known to Stripe yet.", slug="price-not-synced", retry_after=1)
        if not price.costs(currency=terms.currency, interval=line.interval, amount_minor=line.unit_amount_minor):
            errors = (FieldError(f"/lines/{index}/price_id", "has other terms than this line"),)
            raise Conflict("A line's price has other terms.", slug="price-differs", errors=errors)
        lines.append(SessionLine(price.stripe_price_id, line.description, line.quantity, line.setup_fee_minor))
    return tuple(lines)


def _request(checkout: Checkout, lines: tuple[SessionLine, ...], public_url: str) -> SessionRequest:
    assert checkout.stripe_customer_id is not None
    assert checkout.session_expires_at is not None
    page = f"{public_url}/orders/{checkout.order_id}"
    return SessionRequest(
        key=f"{checkout.id}-{checkout.attempt}",
        checkout_id=checkout.id,
        attempt=checkout.attempt,
        order_id=checkout.order_id,
        order_number=checkout.order_number,
        account_id=checkout.account_id,
        customer_id=checkout.stripe_customer_id,
        currency=checkout.currency,
        lines=lines,
        success_url=f"{page}?checkout=success",
        cancel_url=f"{page}?checkout=canceled",
        expires_at=checkout.session_expires_at,
    )


async def record_session(work: UnitOfWork, request: SessionRequest, opened: OpenedSession) -> CheckoutLink | None:
    """Commits what Stripe opened. None when the order was canceled meanwhile: then the page is closed again."""
    await lock_order(work, request.order_id)
    statement = select(Checkout).where(Checkout.id == request.checkout_id).with_for_update()
    checkout = await work.one(statement, "There is no such checkout.")
    if checkout.attempt != request.attempt:
        raise Unavailable("Another attempt has begun meanwhile.", slug="payments-away", retry_after=1)
    now = work.clock.now()
    checkout.record_session(opened.fact.session_id, opened.url, opened.expires_at, now)
    if await work.session.get(ClosedOrder, request.order_id) is not None:
        await close_page(work, checkout)
        return None
    if opened.url is None or checkout.status != "open":
        raise Unavailable("The payment page was closed meanwhile.", slug="payments-away", retry_after=1)
    return CheckoutLink(checkout.id, opened.url, opened.expires_at)


async def give_up_attempt(work: UnitOfWork, checkout_id: str, attempt: int) -> None:
    """Makes the next request begin another attempt, unless somebody did so already."""
    statement = select(Checkout).where(Checkout.id == checkout_id).with_for_update()
    checkout = await work.one(statement, "There is no such checkout.")
    if checkout.attempt == attempt and checkout.stripe_session_id is None:
        checkout.drop_session(work.clock.now(), "Stripe answered with an error")


async def _asked(call: Awaitable[Answer]) -> Answer:
    try:
        return await call
    except ProviderFailure as failure:
        raise _unavailable(failure) from failure


def _unavailable(failure: ProviderFailure) -> Unavailable | Conflict:
    log.warning("payments_failed", reason=failure.reason, failure=failure.failure.value)
    if failure.failure is FailureClass.PERMANENT:
        return Conflict("The payment provider does not accept this order.", slug="checkout-refused")
    wait = max(1, round(failure.retry_after or 2))
    return Unavailable("The payment provider cannot be reached now.", slug="payments-away", retry_after=wait)


def _not_payable(detail: str) -> Conflict:
    return Conflict(detail, slug="order-not-payable", title="The order cannot be paid")
