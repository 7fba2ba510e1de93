"""Sessions: who is signed in where, and for how long."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from services.identity.domain.base import Base
from shared.database import Instant, PrefixedId
from shared.kernel import new_id

LIFETIME = timedelta(days=14)
IDLE = timedelta(days=3)
SEEN_EVERY = timedelta(minutes=1)
_TOKEN = re.compile(r"ezs_[A-Za-z0-9_-]{43}\Z")


def token_hash(token: str) -> bytes | None:
    """The hash under which a token's session is kept; None for a text that cannot be a token.

    A plain SHA-256 suffices: the token has 256 random bits, so there is nothing to guess slowly.
    """
    return hashlib.sha256(token.encode()).digest() if _TOKEN.match(token) else None


class Session(Base):
    """One browser or client that is signed in. Ends by itself after 14 days, or after 3 days without use.

    `authenticated_at` is when its holder last proved who they are: at sign-in, or later by the password again.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user_id_id", "user_id", "id"), Index("ix_sessions_expires_at", "expires_at"))

    id: Mapped[str] = mapped_column(PrefixedId("ses"), primary_key=True)
    user_id: Mapped[str] = mapped_column(PrefixedId("usr"), ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    ip: Mapped[str | None] = mapped_column(String(45))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(Instant)
    last_seen_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    authenticated_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    @classmethod
    def open(cls, user_id: str, ip: str | None, user_agent: str | None, at: datetime) -> tuple["Session", str]:
        """A new session, and the only copy of its token there will ever be."""
        token = f"ezs_{secrets.token_urlsafe(32)}"
        digest = token_hash(token)
        assert digest is not None
        session = cls(
            id=new_id("ses"),
            user_id=user_id,
            token_hash=digest,
            ip=ip,
            user_agent=user_agent,
            created_at=at,
            last_seen_at=at,
            expires_at=at + LIFETIME,
            authenticated_at=at,
        )
        return session, token

    def is_live(self, at: datetime) -> bool:
        """Whether the session is accepted at this moment."""
        return self.ended_at is None and at < self.expires_at and at < self.last_seen_at + IDLE

    def touch(self, at: datetime) -> None:
        """Notes that the session is in use; written at most once a minute, since every request says so."""
        if at - self.last_seen_at >= SEEN_EVERY:
            self.last_seen_at = at

    def prove(self, at: datetime) -> None:
        """Its holder proved again who they are."""
        self.authenticated_at = at

    def end(self, at: datetime) -> bool:
        """Ends the session for good. False when it had ended before."""
        if self.ended_at is not None:
            return False
        self.ended_at = at
        return True
