"""Reads for lists and screens."""

from typing import Literal

from pydantic import BaseModel
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.support.domain import KnownService, Message, Notification, Ticket
from shared.contracts.reads.common import Moment, Page
from shared.kernel import NotFound
from shared.web.pagination import PageRequest, page_of


class Author(BaseModel):
    """Who said something."""

    kind: Literal["customer", "staff", "system"]
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
    status: Literal["open", "answered", "customer_replied", "closed"]
    priority: Literal["low", "normal", "high"]
    service_id: str | None
    service_name: str | None
    account_id: str
    created_at: Moment
    updated_at: Moment


class TicketDetail(TicketView):
    """A ticket with what was said, oldest first."""

    messages: list[MessageView]


class StaffTicketDetail(TicketView):
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


def message_view(message: Message) -> MessageView:
    """A message as the customer sees it."""
    author = Author.model_validate({"kind": message.author_kind, "name": message.author_name})
    return MessageView(id=message.id, author=author, body=message.body, created_at=message.created_at)


def staff_message_view(message: Message) -> StaffMessageView:
    """A message as staff see it."""
    return StaffMessageView(**message_view(message).model_dump(), internal=message.internal)


async def tickets(session: AsyncSession, statement: Select[Ticket], page: PageRequest) -> Page[TicketView]:
    """One page of the tickets in `statement`, the newest first."""
    names: dict[str, str] = {}
    found = await page_of(session, statement, Ticket.id, page, lambda ticket: _view(ticket, None))
    wanted = {ticket.service_id for ticket in found.data if ticket.service_id}
    if wanted:
        known = await session.execute(select(KnownService.id, KnownService.name).where(KnownService.id.in_(wanted)))
        names = dict(known.tuples().all())
    for ticket in found.data:
        ticket.service_name = names.get(ticket.service_id or "")
    return found


async def ticket_detail(session: AsyncSession, ticket: Ticket) -> TicketDetail:
    """A ticket for its customer: without the notes of staff."""
    view = _view(ticket, await _service_name(session, ticket))
    said = _messages(ticket).where(Message.internal.is_(False))
    messages = [message_view(message) for message in (await session.execute(said)).scalars()]
    return TicketDetail(**view.model_dump(), messages=messages)


async def staff_ticket_detail(session: AsyncSession, ticket: Ticket) -> StaffTicketDetail:
    """A ticket for staff: with everything in it."""
    view = _view(ticket, await _service_name(session, ticket))
    messages = [staff_message_view(message) for message in (await session.execute(_messages(ticket))).scalars()]
    return StaffTicketDetail(**view.model_dump(), messages=messages)


async def one_ticket(session: AsyncSession, statement: Select[Ticket], ticket_id: str) -> Ticket:
    """The ticket with this id among those of `statement`. Raises NotFound when it is not there."""
    ticket = (await session.execute(statement.where(Ticket.id == ticket_id))).scalar_one_or_none()
    if ticket is None:
        raise NotFound("There is no such ticket.")
    return ticket


async def notifications(session: AsyncSession, page: PageRequest) -> Page[NotificationView]:
    """One page of all mails, the newest first."""

    def view(row: Notification) -> NotificationView:
        return NotificationView(
            id=row.id,
            template=row.template,
            recipient=row.recipient,
            state=row.state,
            created_at=row.created_at,
            sent_at=row.sent_at,
            attempts=row.attempts,
            last_error=row.last_error,
        )

    return await page_of(session, select(Notification), Notification.id, page, view)


def _messages(ticket: Ticket) -> Select[Message]:
    return select(Message).where(Message.ticket_id == ticket.id).order_by(Message.created_at, Message.id)


async def _service_name(session: AsyncSession, ticket: Ticket) -> str | None:
    if ticket.service_id is None:
        return None
    known = await session.get(KnownService, ticket.service_id)
    return known.name if known else None


def _view(ticket: Ticket, service_name: str | None) -> TicketView:
    return TicketView.model_validate(
        {
            "id": ticket.id,
            "number": ticket.number,
            "subject": ticket.subject,
            "status": ticket.status,
            "priority": ticket.priority,
            "service_id": ticket.service_id,
            "service_name": service_name,
            "account_id": ticket.account_id,
            "created_at": ticket.created_at,
            "updated_at": ticket.updated_at,
        }
    )
