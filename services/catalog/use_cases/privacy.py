"""What catalog holds about an account: what it ordered, and what it is entitled to."""

from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, func, select, text

from services.catalog.adapters.tables import plumbing, timers
from services.catalog.domain import Customer, Entitlement, EntitlementHistory, Order, OrderHistory, OrderItem, Payment
from shared.database import Database
from shared.web.privacy import ERASED_DOMAIN, Holding, Privacy

_BOOKS = "orders are kept with the invoices they led to; what was chosen freely in them is not"

_orders, _order_history, _items, _payments, _entitlements, _entitlement_history, _customers = (
    cast(Table, model.__table__)
    for model in (Order, OrderHistory, OrderItem, Payment, Entitlement, EntitlementHistory, Customer)
)


def _orders_of(account_id: str) -> Select[str]:
    return select(Order.id).where(Order.account_id == account_id)


def _rights_of(account_id: str) -> Select[str]:
    return select(Entitlement.id).where(Entitlement.account_id == account_id)


def _in_order(table: Table) -> Holding:
    """Rows of the account's orders."""

    def of(account_id: str) -> ColumnElement[bool]:
        return table.c.order_id.in_(_orders_of(account_id))

    return Holding(table, of, erase=_CHOSEN.get(table.name), kept=_BOOKS)


# A name of a machine may be the name of a person, and a configuration holds keys and whatever else was written.
_NAMELESS = func.concat("host.", ERASED_DOMAIN)
_CHOSEN: dict[str, dict[str, Any]] = {
    "order_items": {
        "name": _NAMELESS,
        "invoice_name": _NAMELESS,
        "configuration": {},
        "configured": [],
        # As many units as before: an order on its way is granted by them.
        "units": text(
            f"(SELECT jsonb_agg(jsonb_build_object('name', 'host.{ERASED_DOMAIN}', 'configuration', '{{}}'::jsonb)) "  # noqa: S608 - a constant
            "FROM jsonb_array_elements(units))"
        ),
    },
    "entitlements": {"name": _NAMELESS, "configuration": {}},
}

HOLDINGS = (
    Holding(
        _orders,
        lambda account_id: _orders.c.account_id == account_id,
        erase={"checkout_url": None, "problem_message": None},
        kept=_BOOKS,
    ),
    _in_order(_order_history),
    _in_order(_items),
    _in_order(_payments),
    _in_order(_entitlements),
    Holding(
        _entitlement_history,
        lambda account_id: _entitlement_history.c.entitlement_id.in_(_rights_of(account_id)),
        kept=_BOOKS,
    ),
    Holding(_customers, lambda account_id: _customers.c.account_id == account_id, delete=True),
    Holding(timers.table, lambda account_id: timers.table.c.account_id == account_id),
    Holding(timers.clocks.table, lambda account_id: timers.clocks.table.c.account_id == account_id),
)


def privacy(database: Database) -> Privacy:
    """Catalog's port."""
    return Privacy(
        database,
        plumbing,
        HOLDINGS,
        people=lambda account_id: select(Order.placed_by).where(Order.account_id == account_id).distinct(),
    )
