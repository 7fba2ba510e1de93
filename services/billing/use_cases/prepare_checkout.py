"""Opening a payment page, in rows: the terms asked for, the intent before the call, the answer after it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from services.billing.adapters.payments import OpenedSession, SessionLine, SessionRequest
from services.billing.domain import Checkout, CheckoutLine, ClosedOrder, PaymentGroup, PaymentGroupItem, Price
from services.billing.domain.checkout import mode_for
from services.billing.domain.interval import ONE_TIME, UnknownInterval, recurrence_of
from services.billing.domain.payment_group import NEVER, WITH_PAYMENT
from services.billing.domain.subscription import ENDED
from services.billing.use_cases.close_order import close_page, lock_order
from services.billing.use_cases.payment_groups import groups_of_order
from shared.database import UnitOfWork
from shared.kernel import Conflict, FieldError, Invalid, Unavailable

# Stripe: 20 recurring and 20 one-time lines (https://docs.stripe.com/api/checkout/sessions/create).
MOST_LINES = 20


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
    for index, line in enumerate(terms.lines):
        try:
            recurrence_of(line.interval)
        except UnknownInterval as error:
            errors = (FieldError(f"/lines/{index}/interval", str(error)),)
            raise Invalid("A line is billed at an unknown interval.", slug="unknown-interval", errors=errors) from error
    named = [line.item_id for line in terms.lines if line.item_id is not None]
    if len(set(named)) != len(named):
        raise Invalid("Every line must name an item of its own.", slug="repeated-item")
    once = sum((line.interval == ONE_TIME) + (line.setup_fee_minor > 0) for line in terms.lines)
    if once > MOST_LINES and mode_for(terms.lines) == "subscription":
        raise Invalid(f"An order has at most {MOST_LINES} one-time charges.", slug="too-many-lines")
    total = sum(line.total_minor for line in terms.lines)
    if total != terms.total_minor:
        raise Invalid(
            f"The lines add up to {total}, not to {terms.total_minor}.",
            slug="total-differs",
            errors=(FieldError("/total_minor", "is not the sum of the lines"),),
        )


async def prepare_checkout(
    work: UnitOfWork, terms: CheckoutTerms, customer_id: str, public_url: str
) -> CheckoutLink | OpenPage | ClosePage:
    """Commits the intent to be paid, and says what must happen at Stripe. Raises Conflict when nothing may."""
    await lock_order(work, terms.order_id)
    now = work.clock.now()
    if await work.session.get(ClosedOrder, terms.order_id) is not None:
        raise not_payable("The order was canceled.")
    checkout = await locked_checkout(work, terms)
    if checkout.status in ("paid", "mismatched"):
        raise not_payable("A payment for this order has already arrived.")
    if terms.expires_at <= now:
        raise not_payable("The time to pay for this order has run out.")
    if checkout.link_works(now):
        assert checkout.session_url is not None
        assert checkout.session_expires_at is not None
        return CheckoutLink(checkout.id, checkout.session_url, checkout.session_expires_at)
    if checkout.status == "open" and checkout.stripe_session_id is not None:
        return ClosePage(checkout.stripe_session_id)
    await _check_currency(work, terms)
    lines = await _session_lines(work, terms)
    fresh = checkout.status == "expired" or not checkout.can_still_be_created(now)
    if fresh:
        checkout.order_expires_at = terms.expires_at
        checkout.next_session(customer_id, now)
    groups = await groups_of_order(work, terms.order_id)
    return OpenPage(_request(checkout, groups, lines, public_url), fresh=fresh and checkout.attempt == 1)


async def _check_currency(work: UnitOfWork, terms: CheckoutTerms) -> None:
    """Stripe charges what renews for one customer in one currency
    (https://docs.stripe.com/invoicing/multi-currency-customers): an order in another could be paid, and never renew."""
    renewing = select(PaymentGroup.currency).where(
        PaymentGroup.account_id == terms.account_id,
        PaymentGroup.currency != terms.currency,
        PaymentGroup.paid_at.is_not(None),
        PaymentGroup.starts != NEVER,
        PaymentGroup.status.not_in(ENDED),
        PaymentGroup.items.any(PaymentGroupItem.live_units > 0),
    )
    bound_to = (await work.session.execute(renewing.limit(1))).scalar_one_or_none()
    if bound_to is not None and any(line.interval != ONE_TIME for line in terms.lines):
        detail = f"This account's services renew in {bound_to}. Place the order in {bound_to}, or from another account."
        raise Conflict(detail, slug="other-currency", title="This order is in another currency")


async def locked_checkout(work: UnitOfWork, terms: CheckoutTerms) -> Checkout:
    statement = select(Checkout).where(Checkout.order_id == terms.order_id).with_for_update()
    checkout = (await work.session.execute(statement)).scalar_one_or_none()
    if checkout is None:
        checkout = Checkout.begin(
            order_id=terms.order_id,
            order_number=terms.order_number,
            account_id=terms.account_id,
            currency=terms.currency,
            total_minor=terms.total_minor,
            lines=terms.lines,
            order_expires_at=terms.expires_at,
            at=work.clock.now(),
        )
        work.add(checkout)
        await work.session.flush()
        work.session.add_all(PaymentGroup.of(checkout, terms.lines, work.clock.now()))
    elif not checkout.is_for(account_id=terms.account_id, currency=terms.currency, total_minor=terms.total_minor):
        raise Conflict("This order already has a checkout with other terms.", slug="checkout-differs")
    else:
        await _name_items(work, terms)
    return checkout


async def _name_items(work: UnitOfWork, terms: CheckoutTerms) -> None:
    """Names the items of a checkout that was begun when whoever asked named none."""
    nameless = {(line.price_id, line.quantity): line.item_id for line in terms.lines if line.item_id is not None}
    if len(nameless) != len(terms.lines):
        return
    for group in await groups_of_order(work, terms.order_id):
        for item in group.items:
            if item.item_id is None:
                item.item_id = nameless.pop((item.price_id, item.quantity), None)


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
        lines.append(
            SessionLine(
                stripe_price_id=price.stripe_price_id,
                product_id=price.plan_id,  # a plan's product carries its id
                description=line.description,
                quantity=line.quantity,
                unit_amount_minor=line.unit_amount_minor,
                setup_fee_minor=line.setup_fee_minor,
            )
        )
    return tuple(lines)


def _request(
    checkout: Checkout, groups: list[PaymentGroup], lines: tuple[SessionLine, ...], public_url: str
) -> SessionRequest:
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
        mode=checkout.mode,
        group_id=next((group.id for group in groups if group.starts == WITH_PAYMENT), None),
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


def not_payable(detail: str) -> Conflict:
    """The refusal for an order that takes no payment (any more)."""
    return Conflict(detail, slug="order-not-payable", title="The order cannot be paid")
