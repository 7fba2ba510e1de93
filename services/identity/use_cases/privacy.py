"""What identity holds about an account: its people, their sessions, and what happened to their access."""

from typing import cast

from sqlalchemy import ColumnElement, CompoundSelect, Select, String, Table, func, select

from services.identity.adapters.tables import plumbing
from services.identity.domain import (
    Account,
    Membership,
    Session,
    SshKey,
    StaffMember,
    User,
    UserHistory,
    Verification,
)
from shared.database import Database
from shared.web.privacy import ERASED, ERASED_DOMAIN, Holding, Privacy

_accounts, _members, _users, _sessions, _verifications, _history, _keys = (
    cast(Table, model.__table__) for model in (Account, Membership, User, Session, Verification, UserHistory, SshKey)
)
_ADDRESS = func.concat(_users.c.id.cast(String), f"@{ERASED_DOMAIN}")


def _people(account_id: str) -> Select[str]:
    return select(Membership.user_id).where(Membership.account_id == account_id)


def _elsewhere(account_id: str) -> CompoundSelect[str]:
    """People of the account whom somebody else needs: members of another account too, or staff."""
    others = select(Membership.user_id).where(
        Membership.user_id.in_(_people(account_id)), Membership.account_id != account_id
    )
    return others.union(select(StaffMember.user_id))


def _holding(table: Table, column: str, **options: object) -> Holding:
    """Rows of the account's people; erased are those whom nobody else needs."""
    user = table.c[column]

    def of(account_id: str) -> ColumnElement[bool]:
        return user.in_(_people(account_id))

    return Holding(table, of, only=lambda account_id: user.not_in(_elsewhere(account_id)), **options)  # type: ignore[arg-type]


HOLDINGS = (
    _holding(_sessions, "user_id", delete=True, secret=frozenset({"token_hash"})),
    _holding(_verifications, "user_id", delete=True),
    _holding(_history, "user_id", erase={"detail": {}, "reason": None}, kept="that something happened, not from where"),
    _holding(
        _users,
        "id",
        erase={"name": ERASED, "email": _ADDRESS, "email_key": _ADDRESS, "password_hash": ERASED},
        kept="the id, to which orders and audit point; people of another account, or of staff, stay as they are",
        secret=frozenset({"password_hash"}),
    ),
    Holding(_keys, lambda account_id: _keys.c.account_id == account_id, delete=True),
    Holding(_members, lambda account_id: _members.c.account_id == account_id, delete=True),
    Holding(
        _accounts,
        lambda account_id: _accounts.c.id == account_id,
        erase={"name": ERASED, "suspended_reason": None},
        kept="the id, to which invoices and orders point",
    ),
)


def privacy(database: Database) -> Privacy:
    """Identity's port."""
    return Privacy(
        database,
        plumbing,
        HOLDINGS,
        people=_people,
        left_out={"attempts": "hashes without a name, forgotten within an hour"},
    )
