"""What catalog returns: what is sold, what it would cost, and what was ordered."""

from typing import Any

from pydantic import BaseModel

from shared.contracts.reads.base import CustomerRef, LabelledValue, Moment, MoneyView, TimelineEntry


class ChoiceView(BaseModel):
    """One of the values a field may have."""

    value: str
    label: str


class FieldView(BaseModel):
    """One thing that is asked when something is configured, as its product type defines it.

    kind: text · multiline · choice · ssh_keys (a list of public keys, chosen from the account's or pasted) · flag.
    """

    key: str
    label: str
    kind: str
    help: str = ""
    placeholder: str = ""
    required: bool = False
    max_length: int | None = None
    pattern: str | None = None
    choices: list[ChoiceView] = []
    default: str = ""


class PriceView(BaseModel):
    """What a plan costs per interval, in minor units; the set-up fee is charged once per unit."""

    id: str
    currency: str
    interval: str
    amount_minor: int
    setup_fee_minor: int


class GroupView(BaseModel):
    """A group of plans, as they are presented together."""

    code: str
    name: str


class PlanView(BaseModel):
    """A plan as it is sold. An `announced` plan can be seen and not ordered yet.

    `summary` is what the plan's card says of its sizes, in words of its product type.
    """

    id: str
    code: str
    name: str
    tagline: str
    description: str
    product_type: str
    unit: str
    """What one unit is called: server, site, domain."""
    group: GroupView
    availability: str
    recommended: bool
    features: list[str]
    summary: list[LabelledValue]
    spec: dict[str, Any]
    fields: list[FieldView]
    intervals: list[str]
    max_quantity: int
    prices: list[PriceView]


class PlanList(BaseModel):
    """Every plan on sale, in the order it is presented."""

    data: list[PlanView]


class PlanName(BaseModel):
    """A plan, as it was called when something was bought from it."""

    code: str
    name: str


class RenewalView(BaseModel):
    """What will be charged each interval, for all items that renew at it. `next_at` is null until that is known."""

    interval: str
    total: MoneyView
    next_at: Moment | None = None


class AdviceView(BaseModel):
    """Something to think about before one orders; it hinders nothing. `pointer` is a JSON Pointer into the request."""

    pointer: str
    detail: str


class QuoteLine(BaseModel):
    """One line of a quote. `unit` and `setup_fee` are per unit, `total` is due now for all of them.

    `name` is empty where one will be made up when the order is placed.
    """

    plan: PlanName
    product_type: str
    interval: str
    quantity: int
    name: str
    unit: MoneyView
    setup_fee: MoneyView
    total: MoneyView


class QuoteView(BaseModel):
    """What an order would cost: checked and priced as the order itself would be, and nothing is kept."""

    currency: str
    lines: list[QuoteLine]
    due_now: MoneyView
    renewals: list[RenewalView]
    warnings: list[AdviceView] = []


class OrderItemView(BaseModel):
    """One line of an order; `unit` and `setup_fee` are per unit, `total` is due now for all of them.

    `name` is what the type calls it, `configured` what was chosen, in words.
    """

    id: str
    plan: PlanName
    product_type: str
    interval: str
    quantity: int
    name: str
    configuration: dict[str, Any]
    configured: list[LabelledValue]
    unit: MoneyView
    setup_fee: MoneyView
    total: MoneyView


class EntitlementView(BaseModel):
    """The right to one running service: granted, delayed (we are on it), active, suspended or ended."""

    id: str
    item_id: str
    ordinal: int
    name: str
    status: str
    service_id: str | None
    plan: PlanName | None = None
    """The plan it is to now; staff may have changed it since the order was placed."""
    paid_until: Moment | None = None
    """Where the last period ends that billing reported as paid."""


class PaymentProblem(BaseModel):
    """Why the last attempt to pay was refused."""

    code: str
    message: str


class OrderView(BaseModel):
    """An order, as lists show it."""

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
    renewals: list[RenewalView]


class OrderDetail(OrderView):
    """An order with its whole timeline, in one read."""

    timeline: list[TimelineEntry]


class CheckoutView(BaseModel):
    """Where to pay an order, and until when."""

    url: str
    expires_at: Moment


class PaymentView(BaseModel):
    """Money that arrived: settled · late · mismatched · second."""

    checkout_id: str
    amount_minor: int
    currency: str
    outcome: str
    reason: str | None
    paid_at: Moment


class StaffOrderView(OrderView):
    """An order in the console, with whose it is and what staff should look at."""

    customer: CustomerRef
    placed_by: str
    review_reason: str | None
    attention: list[str]
    payments: list[PaymentView]


class StaffOrderDetail(StaffOrderView):
    """An order in the console with its whole timeline, including what only staff may read."""

    timeline: list[TimelineEntry]


class StaffPriceView(PriceView):
    """A price with what Stripe knows of it; `synced` says whether it can be paid."""

    stripe_price_id: str | None
    synced: bool


class StaffPlanView(BaseModel):
    """A plan in the console, with its state and its present prices."""

    id: str
    code: str
    name: str
    product_type: str
    group: GroupView
    status: str
    availability: str
    version: int
    created_at: Moment
    prices: list[StaffPriceView]


class CatalogOverview(BaseModel):
    """What needs a person in catalog, and the newest orders. Counts are exact up to 100, and then 100."""

    under_review: int
    delivery_failed: int
    awaiting_payment: int
    dead_letters: int
    paid_today: list[MoneyView]
    orders_today: int
    recent: list[StaffOrderView]
