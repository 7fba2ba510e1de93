"""What staff type into a search field."""

from ipaddress import IPv4Address

from sqlalchemy import ARRAY, ColumnElement, any_, bindparam, func, select, text
from sqlalchemy.orm import InstrumentedAttribute

from services.provisioning.domain import Resource
from shared.kernel import decode_id

# A beginning that very many names have finds this many of them, the first in the alphabet: more letters find the rest.
MOST_NAMES = 200


def is_id(prefix: str, typed: str) -> bool:
    """Whether `typed` is a well-formed id of this kind."""
    try:
        decode_id(prefix, typed)
    except ValueError:
        return False
    return True


def is_address(typed: str) -> bool:
    """Whether `typed` is an IPv4 address; no name of a service can be one."""
    try:
        IPv4Address(typed)
    except ValueError:
        return False
    return True


def is_mail_address(typed: str) -> bool:
    """Whether `typed` looks like a whole mail address; no name of a service has an @."""
    name, at, domain = typed.partition("@")
    return bool(name and at and "." in domain)


def is_named(column: InstrumentedAttribute[str], beginning: str) -> ColumnElement[bool]:
    """Whether `column` is the id of a resource whose name begins so, in any case; of `MOST_NAMES` at most."""
    names = (
        select(Resource.id)
        .where(func.lower(Resource.name).like(_pattern(beginning)))
        # In the order of the index over beginnings, so that a page costs the same however many names fit.
        .order_by(text("lower(resources.name) USING ~<~"))
        .limit(MOST_NAMES)
    )
    # As an array the names are looked up first; in a join the planner may walk all resources in search of them.
    return column == any_(func.array(names.scalar_subquery(), type_=ARRAY(Resource.id.type)))


def of_account(account_id: str) -> ColumnElement[bool]:
    """Whether a resource is this account's: written into the statement, because a plan made for any account is wrong
    for one with very many services.
    """
    return Resource.account_id == bindparam("account", account_id, Resource.account_id.type, literal_execute=True)


def _pattern(beginning: str) -> str:
    escaped = beginning.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"{escaped}%"
