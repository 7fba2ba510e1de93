"""Whose services a query may see. The owner filter stands here and nowhere else."""

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from services.provisioning.domain import Resource
from shared.kernel import Forbidden, Principal


def owned_by(caller: Principal) -> Select[Resource]:
    """The services of the caller's account. Raises Forbidden for a caller without one."""
    if caller.account_id is None:
        raise Forbidden("You are not a member of an account.", slug="no-account")
    return _resources().where(Resource.account_id == caller.account_id)


def everybodys(caller: Principal) -> Select[Resource]:
    """Every service. Raises Forbidden for a caller who is not staff."""
    staff_only(caller)
    return _resources().options(joinedload(Resource.customer))


def staff_only(caller: Principal) -> None:
    """Raises Forbidden for a caller who is not staff."""
    if not caller.staff_roles:
        raise Forbidden("Only staff can do this.", slug="staff-only")


def _resources() -> Select[Resource]:
    return select(Resource).options(selectinload(Resource.pending), selectinload(Resource.secret))
