"""What the fake services know, as instances of the published read models; tests reach in to arrange and to look."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from pydantic import BaseModel

from shared.contracts.permissions import permissions_of
from shared.contracts.reads.billing import EntryView, InvoiceView, StripeEventDetail, SubscriptionView
from shared.contracts.reads.catalog import (
    AdviceView,
    EntitlementView,
    OrderItemView,
    PlanName,
    PlanView,
    RenewalView,
    StaffOrderDetail,
)
from shared.contracts.reads.common import CustomerRef, LabelledValue, MoneyView
from shared.contracts.reads.identity import SshKeyView
from shared.contracts.reads.provisioning import (
    AccessView,
    ActionView,
    JobDetail,
    PlanRef,
    ProviderView,
    ServiceTimelineEntry,
    StaffServiceDetail,
    SwitchView,
)
from shared.contracts.reads.support import NotificationView, StaffTicketDetail
from shared.web.dead_letters import DeadLetter
from tests.web.fake_plans import plans

_numbers = count(1)

ADA, NEO, MANY = "acc_ada", "acc_neo", "acc_many"
ACCOUNT_NAMES = {ADA: "Analytical Engines Ltd", NEO: "Neo", MANY: "Many Things GmbH"}
PASSWORD = "correct horse battery"
LONG_NAME = "a-very-long-hostname-that-somebody-really-typed-because-nothing-stopped-them.production.example.com"
ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9ZCg2q0rK2c7XkR1v5gq3Vv2y9o6w8t4u1s0p7mZx"

STOP = ActionView(
    name="stop", label="Stop", danger=True, confirm="It goes offline until you start it again. Billing continues."
)
REBOOT = ActionView(name="reboot", label="Reboot", confirm="Everything running on it is interrupted for a moment.")
START = ActionView(name="start", label="Start")
_RIGHTS = ("suspend", "terminate")


def copies(actions: list[ActionView]) -> list[ActionView]:
    """Of their own, so that a test that changes them changes no other."""
    return [action.model_copy() for action in actions]


def new_id(prefix: str) -> str:
    return f"{prefix}_01jd{next(_numbers):022d}"


def now() -> datetime:
    return datetime.now(UTC)


def ago(**parts: float) -> datetime:
    return now() - timedelta(**parts)


def money(amount: int, currency: str = "EUR") -> MoneyView:
    return MoneyView(amount_minor=amount, currency=currency)


def entry(at: datetime | None, title: str, detail: str | None = None, state: str = "done") -> ServiceTimelineEntry:
    key = title.lower().replace(" ", "_")
    return ServiceTimelineEntry(at=at or now(), key=key, title=title, detail=detail, state=state)


class FakeService(StaffServiceDetail):
    """A service with what only its owner is shown, and what is asked for once."""

    access: AccessView | None = None
    secret: str | None = None
    paid_at: float | None = None
    """By the monotonic clock, while it is being delivered."""


class Owned(BaseModel):
    """Something of billing's with the account it belongs to."""

    account_id: str
    view: InvoiceView | SubscriptionView


def configured(plan: PlanView, configuration: dict[str, Any]) -> list[LabelledValue]:
    """What was chosen, in words, as the type's module would say it."""
    said = []
    for one in plan.fields:
        value = configuration.get(one.key)
        if one.kind == "choice" and value:
            label = next((choice.label for choice in one.choices if choice.value == value), str(value))
            said.append(LabelledValue(key=one.key, label=one.label, value=label))
        elif one.kind == "ssh_keys" and value:
            said.append(LabelledValue(key=one.key, label=one.label, value=f"{len(value)} chosen"))
    return said


@dataclass
class World:
    """Everything the fake services know."""

    plans: list[PlanView] = field(default_factory=plans)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: list[StaffOrderDetail] = field(default_factory=list)
    services: list[FakeService] = field(default_factory=list)
    invoices: list[Owned] = field(default_factory=list)
    subscriptions: list[Owned] = field(default_factory=list)
    tickets: list[StaffTicketDetail] = field(default_factory=list)
    jobs: list[JobDetail] = field(default_factory=list)
    stripe_events: list[StripeEventDetail] = field(default_factory=list)
    ledger: list[EntryView] = field(default_factory=list)
    letters: dict[str, list[DeadLetter]] = field(default_factory=dict)
    notifications: list[NotificationView] = field(default_factory=list)
    providers: list[ProviderView] = field(default_factory=list)
    switches: dict[str, SwitchView] = field(default_factory=dict)
    keys: dict[str, list[SshKeyView]] = field(default_factory=dict)
    order_keys: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """The link in the last confirmation mail, by address."""
    warnings: list[AdviceView] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    """Sessions whose proof is too old for what demands a fresh one."""
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    """The JSON bodies that were sent, in order."""
    checkout_origin: str = "http://localhost:8100"
    tick: float = 2.0
    """Seconds between two steps of a service that is being built."""
    named: dict[str, str] = field(default_factory=dict)
    """Ids of the scenarios, by a name tests can read."""

    def __post_init__(self) -> None:
        for name in ("provider-writes", "mail"):
            self.switches[name] = SwitchView(name=name, engaged=False, by=None, reason=None, changed_at=None)

    def user(
        self, email: str, name: str, account: str | None, roles: tuple[str, ...] = (), role: str = "owner"
    ) -> None:
        held = role if account else None
        self.users[email] = {
            "id": new_id("usr"), "email": email, "name": name, "password": PASSWORD, "account_id": account,
            "account_name": ACCOUNT_NAMES.get(account or ""), "role": held, "staff_roles": list(roles),
            "permissions": permissions_of(held, roles), "verified": True,
        }  # fmt: skip

    def customer(self, account: str) -> CustomerRef:
        owner = next((one for one in self.users.values() if one["account_id"] == account), None)
        return CustomerRef(account_id=account, name=owner and owner["name"], email=owner and owner["email"])

    def item(self, plan_code: str, **given: Any) -> OrderItemView:
        plan = next(one for one in self.plans if one.code == plan_code)
        interval, quantity = given.get("interval", "month"), given.get("quantity", 1)
        currency = given.get("currency", "EUR")
        price = next(p for p in plan.prices if (p.currency, p.interval) == (currency, interval))
        configuration = given.get("configuration") or {
            "hostname": given.get("hostname", "web-1.example.com"), "system": "debian-12", "region": "fsn",
        }  # fmt: skip
        return OrderItemView(
            id=new_id("itm"), plan=PlanName(code=plan.code, name=plan.name), product_type=plan.product_type,
            interval=interval, quantity=quantity,
            name=str(configuration.get("hostname") or configuration.get("name") or "vps-k3n9xw"),
            configuration=configuration, configured=configured(plan, configuration),
            unit=money(price.amount_minor, currency), setup_fee=money(price.setup_fee_minor, currency),
            total=money((price.amount_minor + price.setup_fee_minor) * quantity, currency),
        )  # fmt: skip

    def order(self, account: str, status: str, plan_code: str = "vps-s", **given: Any) -> StaffOrderDetail:
        items = given.get("items") or [self.item(plan_code, **given)]
        currency = items[0].unit.currency
        created = given.get("created_at", ago(minutes=12))
        order = StaffOrderDetail(
            id=new_id("ord"), number=f"EZ-{1000 + len(self.orders) + 1}", status=status, currency=currency,
            total=money(sum(item.total.amount_minor for item in items), currency), created_at=created,
            expires_at=now() + timedelta(hours=23), paid_at=given.get("paid_at"),
            fulfilled_at=given.get("fulfilled_at"), payment_problem=given.get("payment_problem"), items=items,
            entitlements=[], renewals=renewals(items), customer=self.customer(account), placed_by="usr_x",
            review_reason=given.get("review_reason"), attention=given.get("attention", []), payments=[],
            timeline=[entry(created, "Order placed", f"{items[0].plan.name}, by the {items[0].interval}")],
        )  # fmt: skip
        self.orders.insert(0, order)
        return order

    def service(self, order: StaffOrderDetail, state: str, **given: Any) -> FakeService:
        item = given.get("item", order.items[0])
        entitlement = new_id("ent")
        running = state in {"running", "stopped", "suspended"}
        address = given.get("address", "203.0.113.24" if running else None)
        key = LabelledValue(key="laptop", label="laptop", value="SHA256:laptop")
        service = FakeService(
            id=new_id("svc"), name=given.get("name", item.name), product_type=item.product_type,
            plan=PlanRef(code=item.plan.code, name=item.plan.name),
            status={"running": "active", "stopped": "active", "needs_us": "failed"}.get(state, state),
            power={"running": "running", "stopped": "stopped", "suspended": "stopped"}.get(state), state=state,
            order_id=order.id, entitlement_id=entitlement, address=address,
            attributes=[LabelledValue(key="system", label="System", value="Debian 12")],
            actions=copies({"running": [REBOOT, STOP], "stopped": [START]}.get(state, [])), spec={},
            configuration=item.configuration, created_at=order.paid_at or order.created_at,
            activated_at=given.get("activated_at"), delayed=state == "delayed", message=given.get("message"),
            pending_action=given.get("pending_action"), customer=order.customer, provider="pve-1",
            external_ref="pve-1/101", missing_since=None, version=1,
            staff_actions=[*copies([REBOOT]), *(ActionView(name=name, label=name.capitalize()) for name in _RIGHTS)],
            timeline=given.get("timeline", []), history=[], jobs=[],
            access=AccessView(command=f"ssh root@{address}", note="By key.", keys=[key]) if running else None,
        )  # fmt: skip
        order.entitlements.append(
            EntitlementView(
                id=entitlement,
                item_id=item.id,
                ordinal=len(order.entitlements) + 1,
                name=service.name,
                status="active" if running else "granted",
                service_id=service.id,
            )
        )
        self.services.insert(0, service)
        return service


def renewals(items: list[OrderItemView]) -> list[RenewalView]:
    """What will be charged each interval, for all items that renew at it."""
    sums: dict[str, int] = {}
    for item in items:
        if item.interval != "once":
            sums[item.interval] = sums.get(item.interval, 0) + item.unit.amount_minor * item.quantity
    return [
        RenewalView(interval=interval, total=money(amount, items[0].unit.currency)) for interval, amount in sums.items()
    ]
