"""What support holds about an account: its people, what they wrote, and what was written to them."""

from typing import cast

from sqlalchemy import ColumnElement, Select, Table, case, func, select

from services.support.adapters.tables import notifications, plumbing
from services.support.domain import Contact, Customer, KnownService, Message, Ticket
from services.support.domain.tickets import TicketHistory
from shared.database import Database
from shared.web.privacy import ERASED, ERASED_DOMAIN, Holding, Privacy

_contacts, _customers, _services, _tickets, _messages, _history = (
    cast(Table, model.__table__) for model in (Contact, Customer, KnownService, Ticket, Message, TicketHistory)
)
_mails = notifications.table
# The services a mail was about stay: that each was welcomed once is watched.
_ABOUT = func.jsonb_strip_nulls(func.jsonb_build_object("service_id", _mails.c.context["service_id"]))


def _people(account_id: str) -> Select[str]:
    return select(Contact.user_id).where(Contact.account_id == account_id)


def _to_them(account_id: str) -> ColumnElement[bool]:
    return _mails.c.recipient.in_(select(Contact.email).where(Contact.account_id == account_id))


def _tickets_of(account_id: str) -> Select[str]:
    return select(Ticket.id).where(Ticket.account_id == account_id)


HOLDINGS = (
    Holding(
        _mails,
        _to_them,
        erase={
            "recipient": f"nobody@{ERASED_DOMAIN}",
            "recipient_name": ERASED,
            "context": _ABOUT,
            "state": case((_mails.c.state == "done", "done"), else_="canceled"),
            "finished_at": func.coalesce(_mails.c.finished_at, func.clock_timestamp()),
            "lease_token": None,
            "last_error": None,
        },
        kept="that a mail was sent and why, for 90 days; not to whom",
    ),
    Holding(
        _messages,
        lambda account_id: _messages.c.ticket_id.in_(_tickets_of(account_id)),
        erase={"body": ERASED, "author_name": ERASED},
        kept="that and when something was said",
    ),
    Holding(
        _history,
        lambda account_id: _history.c.ticket_id.in_(_tickets_of(account_id)),
        erase={"reason": None, "detail": {}},
        kept="how the ticket went",
    ),
    Holding(
        _tickets,
        lambda account_id: _tickets.c.account_id == account_id,
        erase={"subject": ERASED},
        kept="that there was a ticket",
    ),
    Holding(_services, lambda account_id: _services.c.account_id == account_id, delete=True),
    Holding(_customers, lambda account_id: _customers.c.account_id == account_id, delete=True),
    Holding(_contacts, lambda account_id: _contacts.c.account_id == account_id, delete=True),
)


def privacy(database: Database) -> Privacy:
    """Support's port."""
    return Privacy(database, plumbing, HOLDINGS, people=_people)
