"""An order as its customer sees it, and as staff see it."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

from services.catalog.domain import Customer, Entitlement, Order, OrderItem
from shared.contracts.intervals import INTERVALS
from shared.contracts.reads.base import CustomerRef, LabelledValue, MoneyView, TimelineEntry
from shared.contracts.reads.catalog import (
    EntitlementView,
    OrderDetail,
    OrderItemView,
    OrderView,
    PaymentProblem,
    PaymentView,
    PlanName,
    RenewalView,
    StaffOrderDetail,
    StaffOrderView,
)
from shared.kernel import Money


def order_view(order: Order) -> OrderView:
    """The order as its customer sees it. Items and entitlements must be loaded."""
    problem = None
    if order.problem_code is not None and order.status == "awaiting_payment":
        problem = PaymentProblem(code=order.problem_code, message=order.problem_message or "")
    position = {item.id: item.position for item in order.items}
    rights = sorted(order.entitlements, key=lambda right: (position[right.item_id], right.ordinal))
    return OrderView(
        id=order.id,
        number=order.number,
        status=order.status,
        currency=order.currency,
        total=money_view(order.total),
        created_at=order.created_at,
        expires_at=order.expires_at,
        paid_at=order.paid_at,
        fulfilled_at=order.fulfilled_at,
        payment_problem=problem,
        items=[_item_view(item) for item in order.items],
        entitlements=[entitlement_view(right) for right in rights],
        renewals=_renewals(order),
    )


def order_detail(order: Order, timeline: list[TimelineEntry]) -> OrderDetail:
    """The order with its story, as its customer sees it."""
    return OrderDetail(**_fields(order_view(order)), timeline=timeline)


def staff_order_view(order: Order, customer: Customer | None) -> StaffOrderView:
    """The order as staff see it. Items, entitlements and payments must be loaded."""
    return StaffOrderView(
        **_fields(order_view(order)),
        customer=CustomerRef(
            account_id=order.account_id,
            name=customer.name if customer is not None else None,
            email=customer.email if customer is not None else None,
        ),
        placed_by=order.placed_by,
        review_reason=order.review_reason,
        attention=order.attention,
        payments=[
            PaymentView(
                checkout_id=payment.checkout_id,
                amount_minor=payment.amount_minor,
                currency=payment.currency,
                outcome=payment.outcome,
                reason=payment.reason,
                paid_at=payment.paid_at,
            )
            for payment in order.payments
        ],
    )


def staff_order_detail(order: Order, timeline: list[TimelineEntry]) -> StaffOrderDetail:
    """The order with its story, as staff see it. Its customer must be loaded too."""
    return StaffOrderDetail(**_fields(staff_order_view(order, order.customer)), timeline=timeline)


def entitlement_view(right: Entitlement) -> EntitlementView:
    """The right to one service."""
    return EntitlementView(
        id=right.id,
        item_id=right.item_id,
        ordinal=right.ordinal,
        name=right.name,
        status=right.status,
        service_id=right.service_id,
        plan=PlanName(code=right.plan_code, name=right.plan_name),
        paid_until=right.paid_until,
    )


def money_view(amount: Money) -> MoneyView:
    """An amount, for the API."""
    return MoneyView(amount_minor=amount.amount_minor, currency=amount.currency)


def renewal_views(due: Mapping[str, Money], next_at: Mapping[str, datetime] | None = None) -> list[RenewalView]:
    """What is charged each interval, the shortest first."""
    order = list(INTERVALS)
    known = sorted(due, key=lambda interval: (order.index(interval) if interval in order else len(order), interval))
    return [
        RenewalView(interval=interval, total=money_view(due[interval]), next_at=(next_at or {}).get(interval))
        for interval in known
    ]


def _renewals(order: Order) -> list[RenewalView]:
    """For all units that are not over; for an order that is closed unpaid, nothing renews."""
    if order.status in ("canceled", "expired"):
        return []
    live = Counter(right.item_id for right in order.entitlements if not right.is_over)
    due: dict[str, Money] = defaultdict(lambda: Money.zero(order.currency))
    next_at: dict[str, datetime] = {}
    for item in order.items:
        units = live[item.id] if order.entitlements else item.quantity
        if not units or item.ended_at is not None:
            continue
        due[item.interval] += item.unit * units
        if item.paid_until is not None:
            next_at[item.interval] = min(item.paid_until, next_at.get(item.interval, item.paid_until))
    return renewal_views(due, next_at)


def _item_view(item: OrderItem) -> OrderItemView:
    return OrderItemView(
        id=item.id,
        plan=PlanName(code=item.plan_code, name=item.plan_name),
        product_type=item.product_type,
        interval=item.interval,
        quantity=item.quantity,
        name=item.name,
        configuration=item.configuration,
        configured=[LabelledValue(**line) for line in item.configured],
        unit=money_view(item.unit),
        setup_fee=money_view(item.setup_fee),
        total=money_view(item.total),
    )


def _fields(view: OrderView) -> dict[str, object]:
    return {name: getattr(view, name) for name in type(view).model_fields}
