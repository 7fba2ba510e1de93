"""What an order is for, frozen as it was when the order was placed."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.domain.base import Base
from services.catalog.domain.plans import Plan, Price
from shared.database import PrefixedId
from shared.kernel import Money, new_id


class OrderItem(Base):
    """One line of an order: a snapshot, so that nothing the catalogue does later can change it."""

    __tablename__ = "order_items"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 10", name="quantity"),
        CheckConstraint("unit_minor > 0 AND setup_fee_minor >= 0", name="amounts"),
        Index("ix_order_items_order_id", "order_id"),
        Index("ix_order_items_hostname", "hostname", postgresql_ops={"hostname": "text_pattern_ops"}),
    )

    id: Mapped[str] = mapped_column(PrefixedId("itm"), primary_key=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"), ForeignKey("catalog.orders.id"))
    position: Mapped[int] = mapped_column(SmallInteger)
    price_id: Mapped[str] = mapped_column(PrefixedId("prc"), ForeignKey("catalog.prices.id"))
    plan_code: Mapped[str] = mapped_column(String(63))
    plan_name: Mapped[str] = mapped_column(String(80))
    product_type: Mapped[str] = mapped_column(String(20))
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)
    currency: Mapped[str] = mapped_column(String(3))
    interval: Mapped[str] = mapped_column(String(10))
    quantity: Mapped[int] = mapped_column(SmallInteger)
    unit_minor: Mapped[int] = mapped_column(BigInteger)
    setup_fee_minor: Mapped[int] = mapped_column(BigInteger)
    hostname: Mapped[str] = mapped_column(String(253))
    template: Mapped[str | None] = mapped_column(String(60), default=None)

    @classmethod
    def of(cls, plan: Plan, price: Price, *, quantity: int, hostname: str, template: str | None) -> "OrderItem":
        """A line for `quantity` units of `plan` at `price`."""
        return cls(
            id=new_id("itm"),
            price_id=price.id,
            plan_code=plan.code,
            plan_name=plan.name,
            product_type=plan.product.product_type,
            spec=dict(plan.spec),
            currency=price.currency,
            interval=price.interval,
            quantity=quantity,
            unit_minor=price.amount_minor,
            setup_fee_minor=price.setup_fee_minor,
            hostname=hostname,
            template=template,
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
