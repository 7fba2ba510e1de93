"""Providers: where resources live. Rows that staff manage, with a history of who changed what and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.provisioning.domain.base import Base
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

PROVIDER_LIFECYCLE = Lifecycle(
    "provider",
    start="open",
    moves={
        ("open", "fill"): "full",
        ("open", "pause"): "paused",
        ("full", "pause"): "paused",
        ("full", "open"): "open",
        ("paused", "open"): "open",
    },
    repeats={"open": ("open",), "fill": ("full", "paused"), "pause": ("paused",)},
)


class ProviderHistory(History, Base):
    """Who changed what about a provider, and why."""

    __tablename__ = "provider_history"
    __table_args__ = (Index("ix_provider_history_provider_id_id", "provider_id", "id"),)

    provider_id: Mapped[str] = mapped_column(PrefixedId("prv"), ForeignKey("providers.id", ondelete="CASCADE"))


class Provider(Stateful, Base):
    """One place where resources of some product types can live.

    `kind` names the connector that speaks to it, `secret_ref` where its secret is (`env:NAME`, `file:/path`), never
    the secret. `used` of `capacity` resources live there (null: as many as come). `next_number` is the next number that
    was never given to anything there. `look_until`: until then its listing is searched before anything is made, because
    it holds things our books may have forgotten. `reachable` is what the last comparison found.
    """

    __tablename__ = "providers"
    __table_args__ = (
        status_check(PROVIDER_LIFECYCLE),
        CheckConstraint("used >= 0", name="used"),
        CheckConstraint("capacity IS NULL OR capacity >= 0", name="capacity"),
    )
    lifecycle = PROVIDER_LIFECYCLE
    history_model = ProviderHistory

    id: Mapped[str] = mapped_column(PrefixedId("prv"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(64))
    product_types: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    endpoint: Mapped[str] = mapped_column(String(500))
    secret_ref: Mapped[str] = mapped_column(String(500))
    regions: Mapped[list[str]] = mapped_column(ARRAY(String(64)))
    settings: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    capacity: Mapped[int | None] = mapped_column(Integer, default=None)
    used: Mapped[int] = mapped_column(Integer, default=0)
    next_number: Mapped[int] = mapped_column(BigInteger, default=100)
    look_until: Mapped[datetime | None] = mapped_column(Instant, default=None)
    reachable: Mapped[bool | None] = mapped_column(Boolean, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    history: WriteOnlyMapped[ProviderHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @classmethod
    def added(
        cls,
        *,
        name: str,
        kind: str,
        product_types: Sequence[str],
        endpoint: str,
        secret_ref: str,
        regions: Sequence[str],
        settings: Mapping[str, Any],
        capacity: int | None,
        at: datetime,
        by: str,
        reason: str,
    ) -> "Provider":
        """A provider that takes work from now on."""
        provider = cls(
            id=new_id("prv"),
            name=name,
            kind=kind,
            product_types=list(product_types),
            endpoint=endpoint,
            secret_ref=secret_ref,
            regions=list(regions),
            settings=dict(settings),
            capacity=capacity,
            used=0,
            next_number=100,
            created_at=at,
        )
        provider._begin(at=at, by=by, reason=reason)
        return provider

    @property
    def state(self) -> str:
        """open, full (no new work) or paused (no new work, and no writing to what lives there)."""
        return self.status

    def open(self, reason: str, at: datetime, by: str) -> bool:
        """It takes work again."""
        return self._move("open", at=at, by=by, reason=reason)

    def pause(self, reason: str, at: datetime, by: str) -> bool:
        """Somebody works on it: nothing is written to it until it is opened."""
        return self._move("pause", at=at, by=by, reason=reason)

    def fill(self, reason: str, at: datetime, by: str) -> bool:
        """It has no room for more; what lives there goes on."""
        return self._move("fill", at=at, by=by, reason=reason)

    def change(self, fields: Mapping[str, Any], reason: str, at: datetime, by: str) -> None:
        """New values for some of its fields. Connectors made from it are made anew."""
        for name, value in fields.items():
            setattr(self, name, value)
        self.version += 1
        self.note("change", at=at, by=by, reason=reason, detail={"fields": sorted(fields)})
