"""What support returns: tickets and mails."""

from pydantic import BaseModel

from shared.contracts.reads.base import CustomerRef, Moment
from shared.contracts.reads.provisioning import SwitchView


class Author(BaseModel):
    """Who said something: a customer, staff or the system."""

    kind: str
    name: str


class MessageView(BaseModel):
    """Something said in a ticket."""

    id: str
    author: Author
    body: str
    created_at: Moment


class StaffMessageView(MessageView):
    """The same for staff, who also see notes (`internal`)."""

    internal: bool


class TicketView(BaseModel):
    """A ticket, as lists show it."""

    id: str
    number: str
    subject: str
    status: str
    priority: str
    service_id: str | None
    service_name: str | None
    account_id: str
    created_at: Moment
    updated_at: Moment


class StaffTicketView(TicketView):
    """A ticket in the console's list, with whose it is."""

    customer: CustomerRef


class TicketDetail(TicketView):
    """A ticket with what was said, oldest first."""

    messages: list[MessageView]


class StaffTicketDetail(StaffTicketView):
    """A ticket with what was said and noted, oldest first."""

    messages: list[StaffMessageView]


class NotificationView(BaseModel):
    """A mail: whether and when it went out, and why it did not."""

    id: str
    template: str
    recipient: str
    state: str
    created_at: Moment
    sent_at: Moment | None
    attempts: int
    last_error: str | None


class MailView(BaseModel):
    """The switch that stops all mail."""

    mail: SwitchView


class SupportOverview(BaseModel):
    """What needs a person in support. Counts are exact up to 100, and then 100."""

    open_tickets: int
    replied_tickets: int
    unsent_mails: int
    dead_letters: int
    mail: SwitchView
