"""A resource: the one real thing an entitlement stands for."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.provisioning.domain.base import Base
from services.provisioning.domain.plans import PROVIDERS
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

if TYPE_CHECKING:
    from services.provisioning.domain.job import Job

SYSTEM = "system"

DELAYED = "Our provider is not answering. We keep trying; nothing is lost."
NOT_DELIVERED = "It could not be set up automatically."
BY_HAND = "This kind of service is set up by our staff."

RESOURCE_LIFECYCLE = Lifecycle(
    "service",
    start="pending",
    moves={
        ("pending", "provision"): "provisioning",
        ("provisioning", "activate"): "active",
        ("provisioning", "fail"): "failed",
        ("failed", "provision"): "provisioning",
        ("active", "suspend"): "suspended",
        ("suspended", "resume"): "active",
        ("active", "terminate"): "terminated",
        ("suspended", "terminate"): "terminated",
        ("failed", "terminate"): "terminated",
    },
    repeats={
        "provision": ("provisioning",),
        "fail": ("failed",),
        "suspend": ("suspended",),
        "resume": ("active",),
        "terminate": ("terminated",),
    },
)


class ResourceHistory(History, Base):
    """What happened to a resource. `reason` is for staff; `detail` may be seen by its owner."""

    __tablename__ = "resource_history"
    __table_args__ = (Index("ix_resource_history_resource_id_id", "resource_id", "id"),)

    resource_id: Mapped[str] = mapped_column(PrefixedId("svc"), ForeignKey("resources.id", ondelete="CASCADE"))


class Resource(Stateful, Base):
    """One service of one account. Its id is the reference its machine carries at the provider.

    `machine_id` is reserved here before the provider hears of it, so that every retry means the same machine.
    `power` is what was last seen at the provider; `missing_since` when it was first not found there.
    """

    __tablename__ = "resources"
    __table_args__ = (
        status_check(RESOURCE_LIFECYCLE),
        Index(
            "uq_resources_provider_machine_id",
            "provider",
            "machine_id",
            unique=True,
            postgresql_where=text("machine_id IS NOT NULL AND status <> 'terminated'"),
        ),
        Index("ix_resources_account_id_id", "account_id", "id"),
        Index("ix_resources_order_id_id", "order_id", "id"),
        Index("ix_resources_ipv4", "ipv4"),
        Index("ix_resources_provider_active", "provider", postgresql_where=text("status = 'active'")),
    )
    lifecycle = RESOURCE_LIFECYCLE
    history_model = ResourceHistory

    id: Mapped[str] = mapped_column(PrefixedId("svc"), primary_key=True)
    entitlement_id: Mapped[str] = mapped_column(PrefixedId("ent"), unique=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"))
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    product_type: Mapped[str] = mapped_column(String(20))
    plan_code: Mapped[str] = mapped_column(String(64))
    plan_name: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(253))
    template: Mapped[str] = mapped_column(String(64))
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)
    provider: Mapped[str | None] = mapped_column(String(20))
    machine_id: Mapped[int | None] = mapped_column(BigInteger, default=None)
    ipv4: Mapped[str | None] = mapped_column(String(15), default=None)
    power: Mapped[str | None] = mapped_column(String(10), default=None)
    delayed: Mapped[bool] = mapped_column(Boolean, default=False)
    message: Mapped[str | None] = mapped_column(Text, default=None)
    missing_since: Mapped[datetime | None] = mapped_column(Instant, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    activated_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    history: WriteOnlyMapped[ResourceHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    pending_power: Mapped["Job | None"] = relationship(
        primaryjoin="and_(Job.resource_id == Resource.id, Job.kind != 'create', Job.state == 'ready')",
        viewonly=True,
        uselist=False,
        lazy="raise",
    )

    @classmethod
    def granted(
        cls,
        *,
        entitlement_id: str,
        order_id: str,
        account_id: str,
        product_type: str,
        plan: tuple[str, str],
        name: str,
        template: str,
        spec: Mapping[str, Any],
        at: datetime,
    ) -> "Resource":
        """What an entitlement asks for; `plan` is its code and its name."""
        resource = cls(
            id=new_id("svc"),
            entitlement_id=entitlement_id,
            order_id=order_id,
            account_id=account_id,
            product_type=product_type,
            plan_code=plan[0],
            plan_name=plan[1],
            name=name,
            template=template,
            spec=dict(spec),
            provider=PROVIDERS.get(product_type),
            delayed=False,
            message=None,
            created_at=at,
        )
        resource._begin(at=at, by=SYSTEM)
        return resource

    def provision(self, at: datetime, by: str = SYSTEM) -> None:
        """Delivery begins, or begins again after it failed."""
        if self._move("provision", at=at, by=by):
            self.message = None

    def activate(self, at: datetime, by: str = SYSTEM) -> None:
        """It exists, it was seen running, and it can be used."""
        self._move("activate", at=at, by=by, detail={"ipv4": self.ipv4})
        self.activated_at = at
        self.delayed = False
        self.message = None

    def fail(self, reason: str, at: datetime, by: str = SYSTEM) -> bool:
        """Delivery cannot go on without a person. False when that was known already."""
        if not self._move("fail", at=at, by=by, reason=reason):
            return False
        self.delayed = False
        self.message = NOT_DELIVERED
        return True

    def suspend(self, reason: str, at: datetime, by: str) -> bool:
        """Its owner may not use it for now."""
        return self._move("suspend", at=at, by=by, reason=reason)

    def resume(self, at: datetime, by: str) -> bool:
        """Its owner may use it again."""
        return self._move("resume", at=at, by=by)

    def terminate(self, reason: str, at: datetime, by: str) -> bool:
        """It is over; its machine id may be given to another."""
        return self._move("terminate", at=at, by=by, reason=reason)

    def delay(self) -> bool:
        """The provider does not answer: say so calmly. False when it is said already."""
        if self.delayed:
            return False
        self.delayed = True
        self.message = DELAYED
        return True

    def recover(self) -> bool:
        """The provider answers again. False when it never stopped."""
        if not self.delayed:
            return False
        self.delayed = False
        self.message = None
        return True

    def see_power(self, power: str) -> bool:
        """What the provider says about power now. False when it is no news."""
        changed = self.power != power
        self.power = power
        return changed

    def go_missing(self, at: datetime) -> bool:
        """The provider does not know the machine. Nothing is made again by itself. False when that was known."""
        if self.missing_since is not None:
            return False
        self.missing_since = at
        self.power = "unknown"
        self.note("missing", at=at, by=SYSTEM, reason="The provider has no machine with this reference")
        return True

    def turn_up(self, at: datetime) -> bool:
        """The machine that was missing is there. False when it never was missing."""
        if self.missing_since is None:
            return False
        self.missing_since = None
        self.note("found_again", at=at, by=SYSTEM)
        return True


# For "begins with", whatever the database's collation.
Index("ix_resources_name", func.lower(Resource.name).label("lowered"), postgresql_ops={"lowered": "text_pattern_ops"})
