"""What is a customer's own: the one filter that every read and every change of a customer starts from."""

from sqlalchemy import Select, select

from services.catalog.domain import Entitlement, Order
from shared.kernel import Principal
from shared.web.access import account_of


def owned(caller: Principal) -> Select[Order]:
    """The orders of the caller's account. Raises Forbidden for a caller without one."""
    return select(Order).where(Order.account_id == account_of(caller))


def owned_entitlements(caller: Principal) -> Select[Entitlement]:
    """The entitlements of the caller's account. Raises Forbidden for a caller without one."""
    return select(Entitlement).where(Entitlement.account_id == account_of(caller))
