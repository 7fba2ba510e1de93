"""What a batch of Stripe's facts is about, fetched together: the few queries a batch costs, whatever its size."""

from collections.abc import Callable, Iterable, Sequence, Set
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import ARRAY, String, any_, bindparam, literal, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute

from services.billing.domain import Checkout, FormerCustomer, Invoice, Payer, Payment, PaymentGroup, Subscription
from services.billing.domain.facts import (
    CreditNoteFact,
    CustomerDeletedFact,
    DisputeFact,
    InvoiceFact,
    PaymentFact,
    RefundFact,
    SessionFact,
    Stamp,
    SubscriptionFact,
)
from services.billing.domain.payment_group import NEVER, WITH_PAYMENT
from services.billing.use_cases.payment_groups import groups_of_order, item_ids_of_order, locked_groups
from shared.database import UnitOfWork
from shared.kernel import new_id

Fact = (
    SessionFact
    | InvoiceFact
    | SubscriptionFact
    | PaymentFact
    | DisputeFact
    | RefundFact
    | CreditNoteFact
    | CustomerDeletedFact
)
Row = TypeVar("Row", Invoice, Subscription, Payment)


class Loader:
    """The accounts, orders, groups and mirrors the facts name.

    A mirror that is missing is made empty; nobody else reads or makes one of these until the transaction ends.
    """

    def __init__(self, work: UnitOfWork) -> None:
        self._work = work
        self._accounts: dict[str, str] = {}
        self._orders: dict[tuple[str, str], str] = {}
        # Groups by their id and by the subscription they had; and all groups of some orders.
        self._groups: dict[str, PaymentGroup] = {}
        self._groups_of_orders: dict[str, list[PaymentGroup]] = {}
        self.invoices: dict[str, Invoice] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.payments: dict[str, Payment] = {}

    @classmethod
    async def of(cls, work: UnitOfWork, facts_and_stamps: Sequence[tuple[Fact, Stamp]]) -> "Loader":
        """Fetches what the facts are about."""
        loader = cls(work)
        facts = [fact for fact, _stamp in facts_and_stamps]
        await loader._find_accounts(facts)
        about_orders = [fact for fact in facts if isinstance(fact, InvoiceFact | SubscriptionFact)]
        await loader._find_orders(about_orders)
        await loader._find_groups(about_orders)
        await loader._find_mirrors(facts_and_stamps)
        return loader

    def account(self, customer_id: str | None) -> str | None:
        """The account Stripe knows by this customer id; None for customers of others."""
        return self._accounts.get(customer_id) if customer_id is not None else None

    async def order(self, account_id: str, fact: InvoiceFact | SubscriptionFact) -> str | None:
        """The account's own order behind the fact; a hint at somebody else's order is no order."""
        for name in _names(fact):
            found = self._orders.get((account_id, name))
            if found is not None:
                return found
        # An earlier fact of this very batch may have tied the subscription to an order.
        if fact.subscription_id is None:
            return None
        statement = select(Checkout.order_id).where(
            Checkout.account_id == account_id, Checkout.stripe_subscription_id == fact.subscription_id
        )
        return (await self._work.session.execute(statement.limit(1))).scalar_one_or_none()

    async def group(self, account_id: str, fact: InvoiceFact | SubscriptionFact) -> PaymentGroup | None:
        """The account's own group behind the fact, locked: by its subscription, else by what our metadata says."""
        subscription_id = fact.subscription_id
        bound = self._groups.get(subscription_id or "")
        if bound is not None and bound.account_id == account_id:
            return bound
        if fact.group_hint is not None:
            hinted = self._groups.get(fact.group_hint)
            if hinted is None or hinted.account_id != account_id or hinted.starts == NEVER:
                return None
            # Bound by an earlier fact of this very batch, or not yet.
            return hinted if hinted.stripe_subscription_id in (None, subscription_id) else None
        # A page opened before groups had names carries the order's alone; then all of the order is one group.
        order_id = await self.order(account_id, fact)
        if order_id is None:
            return None
        groups = [group for group in await self._groups_of(order_id) if group.starts == WITH_PAYMENT]
        fits = len(groups) == 1 and groups[0].stripe_subscription_id in (None, subscription_id)
        return groups[0] if fits else None

    async def _find_groups(self, facts: Sequence[InvoiceFact | SubscriptionFact]) -> None:
        hints = {fact.group_hint for fact in facts} - {None}
        subscriptions = {fact.subscription_id for fact in facts} - {None}
        if hints or subscriptions:
            named = or_(_among(PaymentGroup.id, hints), _among(PaymentGroup.stripe_subscription_id, subscriptions))
            for group in await locked_groups(self._work, select(PaymentGroup).where(named)):
                self._groups[group.id] = self._groups[group.stripe_subscription_id or group.id] = group
            await self._find_groups_of_orders(facts)

    async def _find_groups_of_orders(self, facts: Sequence[InvoiceFact | SubscriptionFact]) -> None:
        """Every group of the orders whose facts name no group, and whose subscription is no group's (yet)."""
        nameless = [fact for fact in facts if not fact.group_hint and fact.subscription_id not in self._groups]
        names = {name for fact in nameless for name in _names(fact)}
        orders = {order_id for (_account, name), order_id in self._orders.items() if name in names}
        if orders:
            self._groups_of_orders = {order_id: [] for order_id in orders}
            statement = select(PaymentGroup).where(_among(PaymentGroup.order_id, orders))
            for group in await locked_groups(self._work, statement):
                self._groups_of_orders[group.order_id].append(group)

    async def _groups_of(self, order_id: str) -> list[PaymentGroup]:
        found = self._groups_of_orders.get(order_id)
        return found if found is not None else await groups_of_order(self._work, order_id)

    async def item_ids(self, order_id: str) -> tuple[str, ...]:
        """Every item of the order that has a name here; none for orders of before items were named."""
        if order_id not in self._groups_of_orders:
            return await item_ids_of_order(self._work, order_id)
        items = [item for group in await self._groups_of(order_id) for item in group.items]
        return tuple(item.item_id for item in sorted(items, key=lambda item: item.id) if item.item_id is not None)

    async def _find_accounts(self, facts: Iterable[Fact]) -> None:
        customers = {fact.customer_id for fact in facts if not isinstance(fact, DisputeFact)} - {None}
        if customers:
            statement = select(Payer.stripe_customer_id, Payer.account_id).where(
                _among(Payer.stripe_customer_id, customers)
            )
            rows = await self._work.session.execute(statement)
            self._accounts = {str(row.stripe_customer_id): row.account_id for row in rows}
            await self._find_former(customers - self._accounts.keys())

    async def _find_former(self, customers: Set[str | None]) -> None:
        """Customers that were deleted at Stripe, for what is told of them late."""
        if customers:
            statement = select(FormerCustomer).where(_among(FormerCustomer.stripe_customer_id, customers))
            for former in (await self._work.session.execute(statement)).scalars():
                self._accounts[former.stripe_customer_id] = former.account_id

    async def _find_orders(self, facts: Sequence[InvoiceFact | SubscriptionFact]) -> None:
        hints = {fact.order_hint for fact in facts} - {None}
        subscriptions = {fact.subscription_id for fact in facts} - {None}
        if not hints and not subscriptions:
            return
        statement = select(Checkout.account_id, Checkout.order_id, Checkout.stripe_subscription_id).where(
            or_(_among(Checkout.order_id, hints), _among(Checkout.stripe_subscription_id, subscriptions))
        )
        for row in await self._work.session.execute(statement):
            self._orders[row.account_id, row.order_id] = row.order_id
            if row.stripe_subscription_id is not None:
                self._orders[row.account_id, row.stripe_subscription_id] = row.order_id

    async def _find_mirrors(self, facts_and_stamps: Sequence[tuple[Fact, Stamp]]) -> None:
        # What makes each mirror that may be missing, by the name Stripe gave it.
        invoices: dict[str, Callable[[], Invoice]] = {}
        subscriptions: dict[str, Callable[[], Subscription]] = {}
        payments: dict[str, Callable[[], Payment]] = {}
        notes = [fact.stripe_invoice_id for fact, _stamp in facts_and_stamps if isinstance(fact, CreditNoteFact)]
        for fact, stamp in facts_and_stamps:
            account_id = None if isinstance(fact, DisputeFact) else self.account(fact.customer_id)
            match fact:
                case DisputeFact() | RefundFact():
                    payments.setdefault(fact.reference, partial(_empty_payment, fact, stamp))
                case PaymentFact() if account_id:
                    payments.setdefault(fact.reference, partial(_empty_payment, fact, stamp))
                case InvoiceFact() if account_id:
                    invoices.setdefault(fact.stripe_invoice_id, partial(_empty_invoice, fact, account_id, stamp))
                case SubscriptionFact() if account_id:
                    make = partial(_empty_subscription, fact, account_id, stamp)
                    subscriptions.setdefault(fact.stripe_subscription_id, make)
        await self._hold({*invoices, *subscriptions, *payments, *notes})
        self.invoices = await self._stored(Invoice, Invoice.stripe_invoice_id, invoices)
        self.subscriptions = await self._stored(Subscription, Subscription.stripe_subscription_id, subscriptions)
        self.payments = await self._stored(Payment, Payment.reference, payments)

    async def _hold(self, names: Iterable[str]) -> None:
        """Keeps other workers off what is named, stored or not, until the transaction ends: no row can be locked
        before it is there. Everybody takes the locks in the order of the names, so nobody waits crosswise."""
        ordered = sorted(names)
        if ordered:
            await self._work.session.execute(_HOLD, {"names": ordered})

    async def _stored(
        self, kind: type[Row], key: InstrumentedAttribute[str], missing: dict[str, Callable[[], Row]]
    ) -> dict[str, Row]:
        if not missing:
            return {}
        rows = (await self._work.session.execute(select(kind).where(_among(key, missing)))).scalars()
        found = {getattr(row, key.key): row for row in rows}
        made = {name: make() for name, make in missing.items() if name not in found}
        self._work.session.add_all(made.values())
        return found | made


_HOLD = text("SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(:names) AS name").bindparams(
    bindparam("names", type_=ARRAY(String))
)


def _among(column: InstrumentedAttribute[Any], values: Iterable[str | None]) -> Any:
    """`= ANY(array)`: one statement whatever the number of values, where IN would be another for each."""
    kind = column.type if not isinstance(column.type, String) else String()
    return column == any_(literal(sorted(str(value) for value in values), ARRAY(kind)))


def _names(fact: InvoiceFact | SubscriptionFact) -> list[str]:
    return [name for name in (fact.order_hint, fact.subscription_id) if name is not None]


def _empty_invoice(fact: InvoiceFact, account_id: str, stamp: Stamp) -> Invoice:
    return Invoice(
        id=new_id("inv"),
        stripe_invoice_id=fact.stripe_invoice_id,
        account_id=account_id,
        stripe_subscription_id=fact.subscription_id,
        currency=fact.currency,
        created_at=fact.created_at,
        as_of=stamp.created,
        status="draft",
        total_minor=0,
        amount_paid_minor=0,
        as_of_order=-1,
    )


def _empty_subscription(fact: SubscriptionFact, account_id: str, stamp: Stamp) -> Subscription:
    return Subscription(
        stripe_subscription_id=fact.stripe_subscription_id,
        account_id=account_id,
        as_of=stamp.created,
        status="incomplete",
        cancel_at_period_end=False,
        as_of_order=-1,
        as_of_event="",
    )


def _empty_payment(fact: PaymentFact | DisputeFact | RefundFact, stamp: Stamp) -> Payment:
    return Payment(
        reference=fact.reference,
        currency=fact.currency,
        created_at=stamp.created,
        as_of=stamp.created,
        status="pending",
        amount_minor=0,
        refunded_minor=0,
        disputed_minor=0,
        dispute_as_of_order=-1,
    )
