"""What an order is for, frozen as it was when the order was placed, and how its money goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.domain.base import Base
from services.catalog.domain.plans import Plan, Price
from shared.database import Instant, PrefixedId
from shared.kernel import Money, new_id


@dataclass(frozen=True, slots=True)
class Described:
    """What a product type made of a wish: the item's name, its one configuration, its words and its units.

    `units` holds one name for each unit, and what its configuration has of its own. `invoice_name` is what the item is
    called where it is paid.
    """

    name: str
    invoice_name: str
    configuration: Mapping[str, Any]
    words: Sequence[Mapping[str, Any]]
    units: Sequence[tuple[str, Mapping[str, Any]]]


class OrderItem(Base):
    """One line of an order: a snapshot, so that nothing the catalogue does later can change it.

    Its product type need not be known any more to read it or to grant it: the names, the words and the units are kept.
    """

    __tablename__ = "order_items"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("unit_minor > 0 AND setup_fee_minor >= 0", name="amounts"),
        Index("ix_order_items_order_id", "order_id"),
    )

    id: Mapped[str] = mapped_column(PrefixedId("itm"), primary_key=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), ForeignKey("catalog.orders.id"))
    position: Mapped[int] = mapped_column(SmallInteger)
    price_id: Mapped[str] = mapped_column(PrefixedId("prc"), ForeignKey("catalog.prices.id"))
    plan_code: Mapped[str] = mapped_column(String(63))
    plan_name: Mapped[str] = mapped_column(String(80))
    product_type: Mapped[str] = mapped_column(String(40))
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)
    currency: Mapped[str] = mapped_column(String(3))
    interval: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(SmallInteger)
    unit_minor: Mapped[int] = mapped_column(BigInteger)
    setup_fee_minor: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(253))
    invoice_name: Mapped[str] = mapped_column(String(400))
    configuration: Mapped[dict[str, Any]] = mapped_column(JSONB)
    configured: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    units: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)

    delivered_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    paid_until: Mapped[datetime | None] = mapped_column(Instant, default=None)
    ended_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    past_due_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    settled_at: Mapped[datetime | None] = mapped_column(Instant, default=None)

    @classmethod
    def of(cls, plan: Plan, price: Price, *, quantity: int, described: Described) -> "OrderItem":
        """A line for `quantity` units of `plan` at `price`."""
        return cls(
            id=new_id("itm"),
            price_id=price.id,
            plan_code=plan.code,
            plan_name=plan.name,
            product_type=plan.product_type,
            spec=dict(plan.spec),
            currency=price.currency,
            interval=price.interval,
            quantity=quantity,
            unit_minor=price.amount_minor,
            setup_fee_minor=price.setup_fee_minor,
            name=described.name,
            invoice_name=described.invoice_name,
            configuration=dict(described.configuration),
            configured=[dict(line) for line in described.words],
            units=[{"name": name, "configuration": dict(own)} for name, own in described.units],
        )

    @property
    def unit(self) -> Money:
        """What one unit costs per interval."""
        return Money(self.unit_minor, self.currency)

    @property
    def setup_fee(self) -> Money:
        """What one unit costs once."""
        return Money(self.setup_fee_minor, self.currency)

    @property
    def total(self) -> Money:
        """What is due now: every unit's first interval and its set-up fee."""
        return (self.unit + self.setup_fee) * self.quantity

    # How its money goes on. Facts of billing come in any order: the newest of each kind counts.

    @property
    def is_past_due(self) -> bool:
        """Whether a renewal could not be charged, and nothing was paid since."""
        if self.past_due_at is None or self.ended_at is not None:
            return False
        return self.settled_at is None or self.settled_at < self.past_due_at

    def pay_until(self, until: datetime) -> bool:
        """A period is paid. False when it was known already."""
        if self.paid_until is not None and until <= self.paid_until:
            return False
        self.paid_until = until
        return True

    def fall_due(self, at: datetime) -> None:
        """A renewal could not be charged."""
        self.past_due_at = at if self.past_due_at is None else max(at, self.past_due_at)

    def settle(self, at: datetime) -> None:
        """What was due is paid."""
        self.settled_at = at if self.settled_at is None else max(at, self.settled_at)

    def end(self, at: datetime) -> bool:
        """It renews no more. False when that was known already."""
        if self.ended_at is not None:
            return False
        self.ended_at = at
        return True


# For searches by the beginning of a name.
Index(
    "ix_order_items_name",
    func.lower(OrderItem.name).label("beginning"),
    postgresql_ops={"beginning": "text_pattern_ops"},
)
