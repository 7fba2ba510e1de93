"""Catalog asks for a payment page: open one, once per order.

Three steps, so that no call waits inside a transaction: the intent is committed, Stripe is called under a key made
from it, the result is committed. A crash between them is repaired by the next request, which repeats the same call.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import structlog

from services.billing.adapters.payments import (
    CustomerDeleted,
    OpenedSession,
    PaymentProvider,
    ProviderFailure,
    SessionRequest,
)
from services.billing.domain import Payer
from services.billing.use_cases.prepare_checkout import (
    CheckoutLink,
    CheckoutTerms,
    ClosePage,
    OpenPage,
    check_terms,
    give_up_attempt,
    locked_checkout,
    not_payable,
    prepare_checkout,
    record_session,
)
from services.billing.use_cases.replace_customer import replace_customer
from services.billing.use_cases.settle_checkout import apply_session
from services.billing.use_cases.stripe_tasks import customer_details, record_customer
from shared.contracts.timeouts import STRIPE_CALLS
from shared.database import Database, FailureClass, UnitOfWork
from shared.kernel import Conflict, Unavailable
from shared.kernel.crashpoints import reach

log = structlog.get_logger()
Answer = TypeVar("Answer")

_ROUNDS = 4


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
                    try:
                        link = await self._once(terms, customer_id)
                    except CustomerDeleted:
                        await self._replace(terms, customer_id)
                        customer_id = await self._customer(terms.account_id)
                        continue
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

    async def _replace(self, terms: CheckoutTerms, customer_id: str) -> None:
        """The customer is gone at Stripe: the page is asked for afresh, by a new one."""

        async def change(work: UnitOfWork) -> None:
            await replace_customer(work, customer_id)
            checkout = await locked_checkout(work, terms)
            if checkout.status == "open" and checkout.stripe_session_id is None:
                checkout.drop_session(work.clock.now(), "the customer was deleted at Stripe")

        await self._database.run(change)

    async def _close(self, step: ClosePage) -> None:
        opened = await _asked(self._payments.expire_session(step.session_id))
        # Another page follows at once, so that this one ended is no news to anybody.
        await self._database.run(lambda work: apply_session(work, opened.fact, announce=False))
        if opened.fact.status == "complete" and not opened.fact.settled:
            raise not_payable("The payment for this order is being processed by the bank.")

    async def _open(self, step: OpenPage) -> CheckoutLink | None:
        request = step.request
        try:
            opened = None if step.fresh else await self._find(request)
            if opened is None:
                opened = await self._payments.open_session(request)
        except CustomerDeleted:
            raise
        except ProviderFailure as failure:
            if failure.answered and failure.failure is FailureClass.AMBIGUOUS:
                # Stripe would repeat this answer under the same key for a day.
                await self._database.run(lambda work: give_up_attempt(work, request.checkout_id, request.attempt))
            raise _unavailable(failure) from failure
        reach("billing.checkout.after_call")
        link = await self._database.run(lambda work: record_session(work, request, opened))
        if link is None:
            raise not_payable("The order was canceled.")
        return link

    async def _find(self, request: SessionRequest) -> OpenedSession | None:
        found = await self._payments.find_session(request.customer_id, request.checkout_id)
        return found if found is not None and found.url is not None else None


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
