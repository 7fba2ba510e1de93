"""A one-time secret of a resource, sealed at rest, and forgotten once it was shown."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from services.provisioning.domain.base import Base
from shared.database import Instant, PrefixedId


class OneTimeSecret(Base):
    """`sealed` is null from the moment it was shown."""

    __tablename__ = "one_time_secrets"

    resource_id: Mapped[str] = mapped_column(
        PrefixedId("svc"), ForeignKey("resources.id", ondelete="CASCADE"), primary_key=True
    )
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)
    shown_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
