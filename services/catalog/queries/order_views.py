"""An order as its customer sees it, and as staff see it."""

from pydantic import BaseModel

from services.catalog.domain import Order, OrderItem
from shared.contracts.reads.common import Moment, MoneyView
from shared.kernel import Money


class PlanName(BaseModel):
    """The plan an item was bought from, as it was called then."""

    code: str
    name: str


class OrderItemView(BaseModel):
    """One line of an order; `unit` and `setup_fee` are per unit, `total` is for all of them."""

    id: str
    plan: PlanName
    product_type: str
    interval: str
    quantity: int
    hostname: str
    template: str | None
    unit: MoneyView
    setup_fee: MoneyView
    total: MoneyView


class EntitlementView(BaseModel):
    """The right to one running service: granted, delayed (we are on it), active or ended."""

    id: str
    item_id: str
    status: str
    service_id: str | None


class PaymentProblem(BaseModel):
    """Why the last attempt to pay was refused."""

    code: str
    message: str


class OrderView(BaseModel):
    """An order."""

    id: str
    number: str
    status: str
    currency: str
    total: MoneyView
    created_at: Moment
    expires_at: Moment
    paid_at: Moment | None
    fulfilled_at: Moment | None
    payment_problem: PaymentProblem | None
    items: list[OrderItemView]
    entitlements: list[EntitlementView]


class PaymentView(BaseModel):
    """Money that arrived: settled · late · mismatched · second."""

    checkout_id: str
    amount_minor: int
    currency: str
    outcome: str
    reason: str | None
    stripe_subscription_id: str | None
    paid_at: Moment


class StaffOrderView(OrderView):
    """An order in the console, with whose it is and what staff should look at."""

    account_id: str
    placed_by: str
    review_reason: str | None
    attention: list[str]
    payments: list[PaymentView]


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
        total=_money(order.total),
        created_at=order.created_at,
        expires_at=order.expires_at,
        paid_at=order.paid_at,
        fulfilled_at=order.fulfilled_at,
        payment_problem=problem,
        items=[_item_view(item) for item in order.items],
        entitlements=[
            EntitlementView(id=right.id, item_id=right.item_id, status=right.status, service_id=right.service_id)
            for right in rights
        ],
    )


def staff_order_view(order: Order) -> StaffOrderView:
    """The order as staff see it. Items, entitlements and payments must be loaded."""
    return StaffOrderView(
        **order_view(order).model_dump(),
        account_id=order.account_id,
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
                stripe_subscription_id=payment.stripe_subscription_id,
                paid_at=payment.paid_at,
            )
            for payment in order.payments
        ],
    )


def _item_view(item: OrderItem) -> OrderItemView:
    return OrderItemView(
        id=item.id,
        plan=PlanName(code=item.plan_code, name=item.plan_name),
        product_type=item.product_type,
        interval=item.interval,
        quantity=item.quantity,
        hostname=item.hostname,
        template=item.template,
        unit=_money(item.unit),
        setup_fee=_money(item.setup_fee),
        total=_money(item.total),
    )


def _money(amount: Money) -> MoneyView:
    return MoneyView(amount_minor=amount.amount_minor, currency=amount.currency)
