"""What can be bought: plans, the groups they are presented in, and what each plan costs.

A price never changes. When a plan is to cost something else, its price is superseded by a new one and the plan's
version goes up: orders keep pointing at the price they were placed at.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship, validates

from services.catalog.domain.base import Base
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Conflict, Lifecycle, Money, new_id

PLAN = Lifecycle(
    "plan",
    "draft",
    moves={
        ("draft", "publish"): "published",
        ("published", "retire"): "retired",
    },
    repeats={"publish": ["published"], "retire": ["retired"]},
)


class PlanGroup(Base):
    """Plans that are presented together, in the order of their positions."""

    __tablename__ = "plan_groups"

    id: Mapped[str] = mapped_column(PrefixedId("prd"), primary_key=True)
    code: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    position: Mapped[int] = mapped_column(Integer, default=0)

    @classmethod
    def new(cls, code: str, name: str, position: int = 0) -> "PlanGroup":
        """A group that does not exist yet."""
        return cls(id=new_id("prd"), code=code, name=name, position=position)


class PlanHistory(History, Base):
    """What happened to a plan."""

    __tablename__ = "plan_history"

    plan_id: Mapped[str] = mapped_column(
        PrefixedId("pln"), ForeignKey("catalog.plans.id", ondelete="CASCADE"), index=True
    )


class Price(Base):
    """What a plan costs per interval in one currency. The set-up fee is charged once per unit."""

    __tablename__ = "prices"
    __table_args__ = (
        CheckConstraint("amount_minor > 0 AND setup_fee_minor >= 0", name="amounts"),
        Index(
            "uq_prices_current",
            "plan_id",
            "currency",
            "interval",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("ix_prices_plan_id", "plan_id"),
    )

    id: Mapped[str] = mapped_column(PrefixedId("prc"), primary_key=True)
    plan_id: Mapped[str] = mapped_column(PrefixedId("pln"), ForeignKey("catalog.plans.id"))
    currency: Mapped[str] = mapped_column(String(3))
    interval: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    setup_fee_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    superseded_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    stripe_product_id: Mapped[str | None] = mapped_column(String(255), default=None)
    stripe_price_id: Mapped[str | None] = mapped_column(String(255), default=None)
    synced_version: Mapped[int | None] = mapped_column(Integer, default=None)

    @validates("currency", "interval", "amount_minor", "setup_fee_minor")
    def _never_changes(self, key: str, value: Any) -> Any:
        before = self.__dict__.get(key)
        if before is not None and before != value:
            raise ValueError(f"{key} of a price never changes: supersede the price")
        return value

    @property
    def unit(self) -> Money:
        """What one unit costs per interval."""
        return Money(self.amount_minor, self.currency)

    @property
    def setup_fee(self) -> Money:
        """What one unit costs once, at the beginning."""
        return Money(self.setup_fee_minor, self.currency)

    @property
    def is_synced(self) -> bool:
        """Whether Stripe knows this price, so that somebody can pay it."""
        return self.stripe_price_id is not None

    def synced(self, plan_version: int, stripe_product_id: str, stripe_price_id: str) -> bool:
        """Records by which ids Stripe knows this price. False for news older than what is known."""
        if self.synced_version is not None and plan_version < self.synced_version:
            return False
        self.synced_version = plan_version
        self.stripe_product_id = stripe_product_id
        self.stripe_price_id = stripe_price_id
        return True


class Plan(Stateful, Base):
    """Something that can be bought, with its prices. `code` is its name in URLs and in the API.

    `spec` are its sizes and `options` the choices of its type's fields, by key, each as a value and its label.
    """

    __tablename__ = "plans"
    __table_args__ = (
        status_check(PLAN),
        CheckConstraint("availability IN ('open', 'announced')", name="availability"),
        Index("ix_plans_status_position", "status", "position"),
    )
    lifecycle: ClassVar[Lifecycle] = PLAN
    history_model: ClassVar[type[Any]] = PlanHistory

    id: Mapped[str] = mapped_column(PrefixedId("pln"), primary_key=True)
    group_id: Mapped[str] = mapped_column(PrefixedId("prd"), ForeignKey("catalog.plan_groups.id"), index=True)
    product_type: Mapped[str] = mapped_column(String(40))
    code: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    tagline: Mapped[str] = mapped_column(String(160), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    features: Mapped[list[str]] = mapped_column(JSONB, default=list)
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    options: Mapped[dict[str, list[dict[str, str]]]] = mapped_column(JSONB, default=dict)
    availability: Mapped[str] = mapped_column(String(12), default="open")
    recommended: Mapped[bool] = mapped_column(Boolean, default=False)
    position: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[datetime] = mapped_column(Instant)

    group: Mapped[PlanGroup] = relationship(lazy="raise")
    prices: Mapped[list[Price]] = relationship(lazy="raise", order_by=lambda: (Price.currency, Price.interval))
    history: WriteOnlyMapped[PlanHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @classmethod
    def draft(
        cls, group: PlanGroup, product_type: str, code: str, name: str, *, at: datetime, by: str, **described: Any
    ) -> "Plan":
        """A plan nobody can see yet. `described` are the columns that describe it."""
        names = {"product_type": product_type, "code": code, "name": name}
        empty: dict[str, Any] = {"spec": {}, "options": {}, "features": []}
        plan = cls(id=new_id("pln"), group=group, created_at=at, prices=[], **names, **(empty | described))
        plan._begin(at=at, by=by)
        return plan

    @classmethod
    def is_published(cls) -> ColumnElement[bool]:
        """For queries: everybody may see the plan."""
        return cls._status == "published"

    @property
    def current_prices(self) -> list[Price]:
        """What the plan costs now."""
        return [price for price in self.prices if price.superseded_at is None]

    def price_for(self, currency: str, interval: str) -> Price | None:
        """The present price in `currency` per `interval`; None when it is not sold that way."""
        for price in self.current_prices:
            if (price.currency, price.interval) == (currency, interval):
                return price
        return None

    def supersede(self, currency: str, interval: str, *, at: datetime) -> None:
        """Ends the present price in `currency` per `interval`, if there is one, so that another can follow."""
        price = self.price_for(currency, interval)
        if price is not None:
            price.superseded_at = at

    def add_price(
        self, currency: str, interval: str, amount_minor: int, setup_fee_minor: int, *, at: datetime, by: str
    ) -> Price:
        """Puts a price on the plan. On a published plan this makes the next version of it."""
        price = Price(
            id=new_id("prc"),
            plan_id=self.id,
            currency=currency,
            interval=interval,
            amount_minor=amount_minor,
            setup_fee_minor=setup_fee_minor,
        )
        self.prices.append(price)
        if self.status == "published":
            self.version += 1
            self.note("reprice", at=at, by=by, detail={"price_id": price.id, "amount": str(price.unit)})
        return price

    def publish(self, *, at: datetime, by: str) -> bool:
        """Lets everybody see the plan. False when it is published already; raises Conflict without a price."""
        if not self.current_prices:
            raise Conflict("Give the plan a price before it is published.", slug="plan-without-price")
        return self._move("publish", at=at, by=by)

    def retire(self, *, at: datetime, by: str) -> bool:
        """Takes the plan from sale; what was sold stays as it is."""
        return self._move("retire", at=at, by=by)
