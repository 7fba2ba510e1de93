"""A resource: the one real thing at a provider that an entitlement stands for."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.provisioning.domain.base import Base
from services.provisioning.domain.intents import LIFE, Intended
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

if TYPE_CHECKING:
    from services.provisioning.domain.customer import Customer
    from services.provisioning.domain.secret import OneTimeSecret

SYSTEM = "system"

DELAYED = "Our provider is not answering. We keep trying; nothing is lost."
HELD = "We are working on our systems. It goes on by itself; nothing is lost."
NO_ROOM = "We are making room for your service. It goes on by itself; nothing is lost."
NOT_DELIVERED = "It could not be set up automatically."
BY_HAND = "This kind of service is set up by our staff."

# What its entitlement says it may do now, as catalog last told us.
VALID, SUSPENDED, ENDED = "valid", "suspended", "ended"

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
        ("pending", "terminate"): "terminated",
        ("provisioning", "terminate"): "terminated",
        ("failed", "terminate"): "terminated",
        ("active", "terminate"): "terminated",
        ("suspended", "terminate"): "terminated",
        ("terminated", "restore"): "active",
        ("terminated", "remove"): "removed",
    },
    repeats={
        "provision": ("provisioning",),
        "fail": ("failed",),
        "suspend": ("suspended", "terminated"),
        "resume": ("active",),
        "terminate": ("terminated", "removed"),
        "restore": ("active",),
        "remove": ("removed",),
    },
)


class ResourceHistory(History, Base):
    """What happened to a resource. `reason` is for staff; `detail` may be seen by its owner."""

    __tablename__ = "resource_history"
    __table_args__ = (Index("ix_resource_history_resource_id_id", "resource_id", "id"),)

    resource_id: Mapped[str] = mapped_column(PrefixedId("svc"), ForeignKey("resources.id", ondelete="CASCADE"))


class Resource(Stateful, Base):
    """One service of one account. Its id is the reference its thing at the provider carries.

    `provider` is the name of the provider it was placed at, and `external_ref` what it is called there: reserved here
    before the provider hears of it, so that every retry means the same thing. `attributes` is what its product type
    learned of it, `address` the one by which it is reached, `power` what was last seen there (null for what has none),
    `missing_since` when it was first not found. `entitlement` is what catalog last told of its right; each kind of fact
    has its own newest version.
    """

    __tablename__ = "resources"
    __table_args__ = (
        status_check(RESOURCE_LIFECYCLE),
        Index(
            "uq_resources_provider_external_ref",
            "provider",
            "external_ref",
            unique=True,
            postgresql_where=text("external_ref IS NOT NULL AND status <> 'removed'"),
        ),
        Index("ix_resources_account_id_id", "account_id", "id"),
        Index("ix_resources_order_id_id", "order_id", "id"),
        Index("ix_resources_external_ref", "external_ref"),
        Index("ix_resources_address", "address"),
        Index("ix_resources_provider_living", "provider", "id", postgresql_where=text("status <> 'removed'")),
        Index("ix_resources_unplaced", "id", postgresql_where=text("provider IS NULL AND status <> 'removed'")),
        Index("ix_resources_remove_at", "remove_at", postgresql_where=text("status = 'terminated'")),
        Index("ix_resources_not_valid", "id", postgresql_where=text("entitlement <> 'valid' AND status <> 'removed'")),
        Index("ix_resources_missing", "id", postgresql_where=text("missing_since IS NOT NULL")),
    )
    lifecycle = RESOURCE_LIFECYCLE
    history_model = ResourceHistory

    id: Mapped[str] = mapped_column(PrefixedId("svc"), primary_key=True)
    entitlement_id: Mapped[str] = mapped_column(PrefixedId("ent"), unique=True)
    order_id: Mapped[str] = mapped_column(PrefixedId("ord"))
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    product_type: Mapped[str] = mapped_column(String(64))
    plan_code: Mapped[str] = mapped_column(String(64))
    plan_name: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(253))
    spec: Mapped[dict[str, Any]] = mapped_column(JSONB)
    configuration: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    provider: Mapped[str | None] = mapped_column(String(64), default=None)
    external_ref: Mapped[str | None] = mapped_column(String(200), default=None)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    address: Mapped[str | None] = mapped_column(String(253), default=None)
    power: Mapped[str | None] = mapped_column(String(10), default=None)
    entitlement: Mapped[str] = mapped_column(String(10), default=VALID)
    entitlement_version: Mapped[int] = mapped_column(Integer, default=0)
    change_version: Mapped[int] = mapped_column(Integer, default=0)
    delayed: Mapped[bool] = mapped_column(Boolean, default=False)
    message: Mapped[str | None] = mapped_column(Text, default=None)
    missing_since: Mapped[datetime | None] = mapped_column(Instant, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    activated_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    remove_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    history: WriteOnlyMapped[ResourceHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    customer: Mapped["Customer | None"] = relationship(
        primaryjoin="foreign(Resource.account_id) == Customer.account_id", viewonly=True, uselist=False, lazy="raise"
    )
    secret: Mapped["OneTimeSecret | None"] = relationship(viewonly=True, uselist=False, lazy="raise")
    if TYPE_CHECKING:
        pending: Mapped[list[Intended]]

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
        configuration: Mapping[str, Any],
        spec: Mapping[str, Any],
        version: int,
        at: datetime,
    ) -> "Resource":
        """What an entitlement asks for, nowhere placed yet; `plan` is its code and its name."""
        resource = cls(
            id=new_id("svc"),
            entitlement_id=entitlement_id,
            order_id=order_id,
            account_id=account_id,
            product_type=product_type,
            plan_code=plan[0],
            plan_name=plan[1],
            name=name,
            configuration=dict(configuration),
            spec=dict(spec),
            attributes={},
            entitlement=VALID,
            entitlement_version=version,
            change_version=version,
            delayed=False,
            message=None,
            created_at=at,
        )
        resource._begin(at=at, by=SYSTEM)
        return resource

    @property
    def pending_action(self) -> str | None:
        """The intent that is being carried out or waits, its delivery aside; needs `pending` loaded."""
        return next((job.intent for job in self.pending if job.intent != LIFE[0]), None)

    def follow(self, entitlement: str, version: int) -> bool:
        """What catalog says of its right now. False when something newer was told already."""
        if version <= self.entitlement_version:
            return False
        self.entitlement = entitlement
        self.entitlement_version = version
        return True

    def provision(self, at: datetime, by: str = SYSTEM) -> None:
        """Delivery begins, or begins again after it failed."""
        if self._move("provision", at=at, by=by):
            self.message = None

    def activate(self, at: datetime, by: str = SYSTEM) -> None:
        """It exists, it was seen running, and it can be used."""
        self._move("activate", at=at, by=by, detail=self.attributes)
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

    def resume(self, at: datetime, by: str, reason: str | None = None) -> bool:
        """Its owner may use it again."""
        return self._move("resume", at=at, by=by, reason=reason)

    def terminate(self, reason: str, at: datetime, by: str, remove_at: datetime) -> bool:
        """It is over, and kept until `remove_at`."""
        if not self._move("terminate", at=at, by=by, reason=reason):
            return False
        self.remove_at = remove_at
        self.delayed = False
        self.message = None
        return True

    def restore(self, at: datetime, by: str, reason: str | None = None) -> bool:
        """It is not over after all, and runs."""
        self.remove_at = None
        return self._move("restore", at=at, by=by, reason=reason)

    def remove(self, at: datetime, by: str) -> bool:
        """It is gone; what it was called at its provider may be given to another."""
        self.remove_at = None
        return self._move("remove", at=at, by=by)

    def change(
        self,
        plan: tuple[str, str],
        configuration: Mapping[str, Any],
        spec: Mapping[str, Any],
        at: datetime,
        by: str,
        reason: str | None = None,
    ) -> None:
        """It is something else now: another plan, or another configuration of the same."""
        before = self.plan_name
        self.plan_code, self.plan_name = plan
        self.configuration, self.spec = dict(configuration), dict(spec)
        self.note("changed", at=at, by=by, reason=reason, detail={"from": before, "to": self.plan_name})
        self.version += 1

    def delay(self, message: str = DELAYED) -> bool:
        """It takes longer than usual: say so calmly. False when it is said already."""
        if self.delayed and self.message == message:
            return False
        self.delayed = True
        self.message = message
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
