"""Verifications: a mail that proves control of an address, usable once and for a limited time."""

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.identity.domain.base import Base
from shared.database import Instant, PrefixedId
from shared.kernel import new_id

VerificationPurpose = Literal["verify_email", "reset_password", "already_registered"]
LIFETIMES: dict[VerificationPurpose, timedelta] = {
    "verify_email": timedelta(hours=24),
    "reset_password": timedelta(minutes=30),
    "already_registered": timedelta(hours=24),
}


class Verification(Base):
    """One mail with one link. The link itself is computed when it is needed and kept nowhere."""

    __tablename__ = "verifications"
    __table_args__ = (
        CheckConstraint(f"purpose IN ({', '.join(repr(purpose) for purpose in LIFETIMES)})", name="purpose"),
        Index("ix_verifications_user_id_purpose_created_at", "user_id", "purpose", "created_at"),
        Index("ix_verifications_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(PrefixedId("ver"), primary_key=True)
    user_id: Mapped[str] = mapped_column(PrefixedId("usr"), ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[VerificationPurpose] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    voided_at: Mapped[datetime | None] = mapped_column(Instant)
    next_path: Mapped[str | None] = mapped_column(Text, default=None)

    @classmethod
    def request(
        cls, user_id: str, purpose: VerificationPurpose, at: datetime, next_path: str | None = None
    ) -> "Verification":
        """A new verification that can be used from now until its purpose's time is over.

        `next_path` is the page of ours that the person was on their way to.
        """
        return cls(
            id=new_id("ver"),
            user_id=user_id,
            purpose=purpose,
            created_at=at,
            expires_at=at + LIFETIMES[purpose],
            next_path=next_path,
        )

    def state(self, at: datetime) -> str:
        """pending, used or expired. One that a newer one replaced counts as expired."""
        if self.used_at is not None:
            return "used"
        return "expired" if self.voided_at is not None or at >= self.expires_at else "pending"
