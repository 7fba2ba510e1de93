"""People and the accounts they act for."""

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Select, String, Text, select, text, true
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.identity.domain.base import Base
from services.identity.domain.emails import email_key
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

ROLES = ("owner", "admin", "billing", "technical", "read_only")
LONGEST_NAME = 100
# No password has this hash: whoever has it can only set one by a link that was mailed to them.
NO_PASSWORD = "!"  # noqa: S105 - it opens nothing

USER_LIFECYCLE = Lifecycle(
    "user",
    start="unverified",
    moves={("unverified", "verify"): "active"},
    repeats={"verify": ("active",)},
)


class UserHistory(History, Base):
    """What happened to a person's access: signed in, verified, password changed, session ended."""

    __tablename__ = "user_history"
    __table_args__ = (Index("ix_user_history_user_id_id", "user_id", "id"),)

    user_id: Mapped[str] = mapped_column(PrefixedId("usr"), ForeignKey("users.id", ondelete="CASCADE"))


class User(Stateful, Base):
    """A person who can sign in once the address is verified."""

    __tablename__ = "users"
    __table_args__ = (status_check(USER_LIFECYCLE),)
    lifecycle = USER_LIFECYCLE
    history_model = UserHistory

    id: Mapped[str] = mapped_column(PrefixedId("usr"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    locale: Mapped[str] = mapped_column(String(12), default="en")
    password_hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    history: WriteOnlyMapped[UserHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @classmethod
    def register(cls, *, email: str, name: str, password_hash: str = NO_PASSWORD, at: datetime) -> "User":
        """A new person whose address nobody has verified yet. `email` is normalised."""
        user = cls(
            id=new_id("usr"),
            email=email,
            email_key=email_key(email),
            name=name,
            locale="en",
            password_hash=password_hash,
            created_at=at,
        )
        user._begin(at=at, by=user.id)
        return user

    @property
    def verified(self) -> bool:
        """Whether this person has proved control of the address."""
        return self.status == "active"

    @property
    def credential(self) -> str | None:
        """What a password is checked against; None while this person has none."""
        return None if self.password_hash == NO_PASSWORD else self.password_hash

    def drop_password(self) -> None:
        """From now on no password opens a session."""
        self.password_hash = NO_PASSWORD

    def verify(self, at: datetime) -> None:
        """The person opened a link that only the address's owner can have; saying so again is harmless."""
        self._move("verify", at=at, by=self.id)

    def change_password(self, password_hash: str, at: datetime) -> None:
        """From now on only the new password opens a session."""
        self.password_hash = password_hash
        self.note("password_changed", at=at, by=self.id)


class Account(Base):
    """A team: what orders, services, invoices and tickets belong to.

    `described_at` is when the other contexts were last told whose it is. Of a suspended one its people may only read.
    """

    __tablename__ = "accounts"
    __table_args__ = (Index("ix_accounts_undescribed", "id", postgresql_where=text("described_at IS NULL")),)

    id: Mapped[str] = mapped_column(PrefixedId("acc"), primary_key=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    created_at: Mapped[datetime] = mapped_column(Instant)
    described_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    suspended_at: Mapped[datetime | None] = mapped_column(Instant, default=None)
    suspended_by: Mapped[str | None] = mapped_column(String(64), default=None)
    suspended_reason: Mapped[str | None] = mapped_column(Text, default=None)

    def suspend(self, reason: str, *, at: datetime, by: str) -> bool:
        """Its people may only read from now on. False when that was so already."""
        if self.suspended_at is not None:
            return False
        self.suspended_at, self.suspended_by, self.suspended_reason = at, by, reason
        return True

    def restore(self) -> bool:
        """Its people may do again what their roles say. False when they may already."""
        if self.suspended_at is None:
            return False
        self.suspended_at = self.suspended_by = self.suspended_reason = None
        return True


class Membership(Base):
    """A person's role in an account."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint(f"role IN ({', '.join(repr(role) for role in ROLES)})", name="role"),
        Index("ix_memberships_user_id", "user_id"),
    )

    account_id: Mapped[str] = mapped_column(
        PrefixedId("acc"), ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[str] = mapped_column(
        PrefixedId("usr"), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    role: Mapped[str] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(Instant)


class StaffMember(Base):
    """A person who works for us, and what for."""

    __tablename__ = "staff_members"

    user_id: Mapped[str] = mapped_column(
        PrefixedId("usr"), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True
    )
    roles: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    created_at: Mapped[datetime] = mapped_column(Instant)


def found_account(owner: User, name: str, at: datetime) -> tuple[Account, Membership]:
    """A new account with `owner` as its owner."""
    account = Account(id=new_id("acc"), name=name, created_at=at)
    return account, Membership(account_id=account.id, user_id=owner.id, role="owner", created_at=at)


def standing() -> Select[User, Account | None, str | None, list[str] | None]:
    """People with the account they act for (the one they have belonged to for longest), their role, their staff roles.

    The caller says whose; one statement, since every request that carries a session asks this.
    """
    place = (
        select(Membership.account_id, Membership.role)
        .where(Membership.user_id == User.id)
        .order_by(Membership.created_at, Membership.account_id)
        .limit(1)
        .lateral("place")
    )
    return (
        select(User, Account, place.c.role, StaffMember.roles)
        .select_from(User)
        .outerjoin(place, true())
        .outerjoin(Account, Account.id == place.c.account_id)
        .outerjoin(StaffMember, StaffMember.user_id == User.id)
    )


def access_detail(ip: str | None, user_agent: str | None) -> dict[str, Any]:
    """Where a sign-in came from, as its line of history keeps it."""
    return {name: value for name, value in (("ip", ip), ("user_agent", user_agent)) if value}
