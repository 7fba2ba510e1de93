"""The public keys with which an account's people enter its servers."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.identity.domain.base import Base
from shared.database import Instant, PrefixedId
from shared.kernel import new_id
from shared.kernel.ssh_keys import PublicKey

MOST_KEYS = 100
LONGEST_NAME = 100


class SshKey(Base):
    """One public key of an account, by its fingerprint only once. `public_key` is one line of authorized_keys."""

    __tablename__ = "ssh_keys"
    __table_args__ = (
        UniqueConstraint("account_id", "fingerprint"),
        Index("ix_ssh_keys_account_id_id", "account_id", "id"),
    )

    id: Mapped[str] = mapped_column(PrefixedId("key"), primary_key=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"), ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    kind: Mapped[str] = mapped_column(String(40))
    fingerprint: Mapped[str] = mapped_column(String(60))
    public_key: Mapped[str] = mapped_column(Text)
    added_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant)

    @classmethod
    def of(cls, account_id: str, name: str, key: PublicKey, *, at: datetime, by: str) -> "SshKey":
        """A key of this account. Without a name it bears its comment, or else the end of its fingerprint."""
        chosen = name or key.comment or key.fingerprint[-12:]
        return cls(
            id=new_id("key"),
            account_id=account_id,
            name=chosen[:LONGEST_NAME],
            kind=key.kind,
            fingerprint=key.fingerprint,
            public_key=key.line,
            added_by=by,
            created_at=at,
        )
