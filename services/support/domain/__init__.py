"""Rules and lifecycles of support; no session, no network, no clock of its own."""

from services.support.domain.base import SCHEMA, Base
from services.support.domain.contacts import Contact, Customer, KnownService
from services.support.domain.notifications import LINKED, TEMPLATES, Notification
from services.support.domain.tickets import TICKET_LIFECYCLE, Message, Ticket, TicketHistory

__all__ = [
    "LINKED",
    "SCHEMA",
    "TEMPLATES",
    "TICKET_LIFECYCLE",
    "Base",
    "Contact",
    "Customer",
    "KnownService",
    "Message",
    "Notification",
    "Ticket",
    "TicketHistory",
]
