"""What a paid item entitles its account to: exactly one service per unit."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, SmallInteger, String, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.catalog.domain.base import Base
from services.catalog.domain.order_items import OrderItem
from services.catalog.domain.plans import Plan
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

ENTITLEMENT = Lifecycle(
    "entitlement",
    "granted",
    moves={
        ("granted", "activate"): "active",
        ("granted", "fail"): "delayed",
        ("delayed", "activate"): "active",
        ("granted", "suspend"): "suspended",
        ("delayed", "suspend"): "suspended",
        ("active", "suspend"): "suspended",
        # What never ran is waited for again when it may go on.
        ("suspended", "resume"): "active",
        ("suspended", "resume_waiting"): "granted",
        ("granted", "change"): "granted",
        ("delayed", "change"): "delayed",
        ("active", "change"): "active",
        ("suspended", "change"): "suspended",
        ("granted", "end"): "ended",
        ("delayed", "end"): "ended",
        ("active", "end"): "ended",
        ("suspended", "end"): "ended",
        ("ended", "restore"): "active",
        ("ended", "restore_waiting"): "granted",
    },
    # Facts about a service arrive late and in any order: what runs has overcome its failures, and what is suspended or
    # has ended is not revived by old news.
    repeats={
        "activate": ["active", "suspended", "ended"],
        "fail": ["delayed", "active", "suspended", "ended"],
        "suspend": ["suspended"],
        "resume": ["active"],
        "resume_waiting": ["granted", "delayed"],
        "end": ["ended"],
        "restore": ["active"],
        "restore_waiting": ["granted", "delayed"],
    },
)


class EntitlementHistory(History, Base):
    """What happened to an entitlement."""

    __tablename__ = "entitlement_history"

    entitlement_id: Mapped[str] = mapped_column(
        PrefixedId("ent"), ForeignKey("catalog.entitlements.id", ondelete="CASCADE"), index=True
    )


class Entitlement(Stateful, Base):
    """The right to one service. `ordinal` (from 1) tells the units of one item apart.

    `activated_at` is when its service ran for the first time; `paid_until` is where the last period ends that billing
    reported as paid.
    """

    __tablename__ = "entitlements"
    __table_args__ = (
        status_check(ENTITLEMENT),
        UniqueConstraint("item_id", "ordinal"),
        CheckConstraint("ordinal > 0", name="ordinal"),
        Index("ix_entitlements_order_id", "order_id"),
        Index("ix_entitlements_account_id_name", "account_id", "name"),
    )
    lifecycle: ClassVar[Lifecycle] = ENTITLEMENT
    history_model: ClassVar[type[Any]] = EntitlementHistory

    id: Mapped[str] = mapped_column(PrefixedId("ent"), primary_key=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), ForeignKey("catalog.orders.id"))
    item_id: Mapped[str] = mapped_column(PrefixedId("itm"), ForeignKey("catalog.order_items.id"))
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    ordinal: Mapped[int] = mapped_column(SmallInteger)
    product_type: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(253))
    configuration: Mapped[dict[str, Any]] = mapped_column(JSONB)
    plan_code: Mapped[str] = mapped_column(String(63))
    plan_name: Mapped[str] = mapped_column(String(80))
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)
    service_id: Mapped[str | None] = mapped_column(PrefixedId("svc"), default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    activated_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    paid_until: Mapped[datetime | None] = mapped_column(Instant, default=None)

    history: WriteOnlyMapped[EntitlementHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @classmethod
    def grant(
        cls, item: OrderItem, ordinal: int, *, order_id: str, account_id: str, at: datetime, by: str
    ) -> "Entitlement":
        """The right to the `ordinal`-th unit of an item."""
        unit = item.units[ordinal - 1]
        entitlement = cls(
            id=new_id("ent"),
            order_id=order_id,
            item_id=item.id,
            account_id=account_id,
            ordinal=ordinal,
            product_type=item.product_type,
            name=unit["name"],
            configuration={**item.configuration, **unit["configuration"]},
            plan_code=item.plan_code,
            plan_name=item.plan_name,
            spec=dict(item.spec),
            paid_until=item.paid_until,
            created_at=at,
        )
        entitlement._begin(at=at, by=by)
        return entitlement

    @classmethod
    def is_ended(cls) -> ColumnElement[bool]:
        """For queries: nobody is entitled by it any more."""
        return cls._status == "ended"

    @property
    def is_over(self) -> bool:
        """Whether nobody is entitled by it any more."""
        return self.status == "ended"

    # What provisioning reports

    def activate(self, service_id: str, *, activated_at: datetime, at: datetime, by: str) -> bool:
        """The service runs. True when this is news."""
        news = self.activated_at is None
        if news:
            self.service_id, self.activated_at = service_id, activated_at
        return self._move("activate", at=at, by=by, detail={"service_id": service_id}) or news

    def fail(self, service_id: str, reason: str, *, at: datetime, by: str) -> bool:
        """The service could not be delivered without help. `reason` is for staff. True when this is news."""
        if not self._move("fail", at=at, by=by, reason=reason, detail={"service_id": service_id}):
            return False
        self.service_id = service_id
        return True

    # What is decided. `reason` may be shown to the customer. True when something changed; IllegalMove when it cannot.

    def suspend(self, *, at: datetime, by: str, reason: str) -> bool:
        """The right is suspended: its service must stop."""
        return self._move("suspend", at=at, by=by, reason=reason)

    def resume(self, *, at: datetime, by: str, reason: str) -> bool:
        """The right is whole again."""
        return self._move(self._while_waiting("resume"), at=at, by=by, reason=reason)

    def end(self, *, at: datetime, by: str, reason: str) -> bool:
        """The right is over."""
        return self._move("end", at=at, by=by, reason=reason)

    def restore(self, *, at: datetime, by: str, reason: str) -> bool:
        """A right that was over is valid again."""
        return self._move(self._while_waiting("restore"), at=at, by=by, reason=reason)

    def change(self, plan: Plan, *, at: datetime, by: str, reason: str) -> bool:
        """The right is to another plan of its type now."""
        if (self.plan_code, self.spec) == (plan.code, plan.spec):
            return False
        self._move("change", at=at, by=by, reason=reason, detail={"from": self.plan_name, "to": plan.name})
        self.plan_code, self.plan_name, self.spec = plan.code, plan.name, dict(plan.spec)
        return True

    def _while_waiting(self, verb: str) -> str:
        return f"{verb}_waiting" if self.activated_at is None else verb

    def pay_until(self, until: datetime) -> None:
        """A period is paid, for a right that is not over."""
        if not self.is_over and (self.paid_until is None or until > self.paid_until):
            self.paid_until = until


# For searches by the beginning of a name.
Index(
    "ix_entitlements_name",
    func.lower(Entitlement.name).label("beginning"),
    postgresql_ops={"beginning": "text_pattern_ops"},
)
