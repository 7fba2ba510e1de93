"""What a paid item entitles its account to: exactly one running service per unit."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.catalog.domain.base import Base
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

ENTITLEMENT = Lifecycle(
    "entitlement",
    "granted",
    moves={
        ("granted", "activate"): "active",
        ("granted", "fail"): "delayed",
        ("delayed", "activate"): "active",
        ("granted", "end"): "ended",
        ("delayed", "end"): "ended",
        ("active", "end"): "ended",
    },
    # Facts about a service arrive late and in any order: what runs has overcome its failures, and what has ended
    # is not revived by old news.
    repeats={"activate": ["active", "ended"], "fail": ["delayed", "active", "ended"], "end": ["ended"]},
)


class EntitlementHistory(History, Base):
    """What happened to an entitlement."""

    __tablename__ = "entitlement_history"

    entitlement_id: Mapped[str] = mapped_column(
        PrefixedId("ent"), ForeignKey("catalog.entitlements.id", ondelete="CASCADE"), index=True
    )


class Entitlement(Stateful, Base):
    """The right to one running service. `ordinal` (from 1) tells the units of one item apart."""

    __tablename__ = "entitlements"
    __table_args__ = (
        status_check(ENTITLEMENT),
        UniqueConstraint("item_id", "ordinal"),
        CheckConstraint("ordinal > 0", name="ordinal"),
        Index("ix_entitlements_order_id", "order_id"),
        Index("ix_entitlements_hostname", "hostname", postgresql_ops={"hostname": "text_pattern_ops"}),
    )
    lifecycle: ClassVar[Lifecycle] = ENTITLEMENT
    history_model: ClassVar[type[Any]] = EntitlementHistory

    id: Mapped[str] = mapped_column(PrefixedId("ent"), primary_key=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), ForeignKey("catalog.orders.id"))
    item_id: Mapped[str] = mapped_column(PrefixedId("itm"), ForeignKey("catalog.order_items.id"))
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    ordinal: Mapped[int] = mapped_column(SmallInteger)
    hostname: Mapped[str] = mapped_column(String(253))
    service_id: Mapped[str | None] = mapped_column(PrefixedId("svc"), default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)

    history: WriteOnlyMapped[EntitlementHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @classmethod
    def grant(
        cls, *, order_id: str, item_id: str, account_id: str, ordinal: int, hostname: str, at: datetime, by: str
    ) -> "Entitlement":
        """The right to the `ordinal`-th unit of an item."""
        entitlement = cls(
            id=new_id("ent"),
            order_id=order_id,
            item_id=item_id,
            account_id=account_id,
            ordinal=ordinal,
            hostname=hostname,
            created_at=at,
        )
        entitlement._begin(at=at, by=by)
        return entitlement

    def activate(self, service_id: str, *, at: datetime, by: str) -> bool:
        """The service runs. True when this is news."""
        if not self._move("activate", at=at, by=by, detail={"service_id": service_id}):
            return False
        self.service_id = service_id
        return True

    def fail(self, service_id: str, reason: str, *, at: datetime, by: str) -> bool:
        """The service could not be delivered without help. `reason` is for staff. True when this is news."""
        if not self._move("fail", at=at, by=by, reason=reason, detail={"service_id": service_id}):
            return False
        self.service_id = service_id
        return True

    def end(self, *, at: datetime, by: str, reason: str) -> bool:
        """The right is over."""
        return self._move("end", at=at, by=by, reason=reason)
