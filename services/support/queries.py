"""Reads for lists and screens."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.support.adapters.tables import MAIL, plumbing, switches
from services.support.domain import Customer, KnownService, Message, Notification, Ticket
from shared.contracts.reads.base import CustomerRef, Page
from shared.contracts.reads.provisioning import SwitchView
from shared.contracts.reads.support import (
    Author,
    MessageView,
    NotificationView,
    StaffMessageView,
    StaffTicketDetail,
    StaffTicketView,
    SupportOverview,
    TicketDetail,
    TicketView,
)
from shared.database.switches import SwitchState
from shared.kernel import NotFound
from shared.web.pagination import PageRequest, page_of

_COUNTED = 100


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


async def staff_tickets(session: AsyncSession, statement: Select[Ticket], page: PageRequest) -> Page[StaffTicketView]:
    """One page of the tickets in `statement`, the newest first, with whose they are."""
    found = await tickets(session, statement, page)
    customers = await _customers(session, (ticket.account_id for ticket in found.data))
    return Page(
        data=[
            StaffTicketView(**ticket.model_dump(), customer=_customer(customers, ticket.account_id))
            for ticket in found.data
        ],
        next_cursor=found.next_cursor,
        previous_cursor=found.previous_cursor,
    )


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
    customers = await _customers(session, [ticket.account_id])
    return StaffTicketDetail(**view.model_dump(), customer=_customer(customers, ticket.account_id), messages=messages)


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


def switch_view(state: SwitchState) -> SwitchView:
    """How a switch stands, for staff."""
    return SwitchView(
        name=state.name, engaged=state.engaged, by=state.by, reason=state.reason, changed_at=state.changed_at
    )


async def overview(session: AsyncSession) -> SupportOverview:
    """What needs a person in support, in one read."""
    letters = [queue.table for queue in (plumbing.outbox, plumbing.inbox)]
    given_up = [select(table.c.id).where(or_(table.c.state == "dead", table.c.state == "parked")) for table in letters]
    unsent = select(Notification.id).where(or_(Notification.state == "dead", Notification.state == "parked"))
    return SupportOverview(
        open_tickets=await _count(session, select(Ticket.id).where(Ticket._status == "open")),
        replied_tickets=await _count(session, select(Ticket.id).where(Ticket._status == "customer_replied")),
        unsent_mails=await _count(session, unsent),
        dead_letters=sum([await _count(session, statement) for statement in given_up]),
        mail=switch_view(await switches.state(session, MAIL)),
    )


async def _count(session: AsyncSession, statement: Select[Any]) -> int:
    """How many, up to a hundred: beyond that the exact number helps nobody and costs a walk over the table."""
    few = statement.limit(_COUNTED).subquery()
    return int(await session.scalar(select(func.count()).select_from(few)) or 0)


async def _customers(session: AsyncSession, account_ids: Iterable[str]) -> dict[str, Customer]:
    wanted = set(account_ids)
    if not wanted:
        return {}
    rows = (await session.execute(select(Customer).where(Customer.account_id.in_(wanted)))).scalars()
    return {row.account_id: row for row in rows}


def _customer(customers: dict[str, Customer], account_id: str) -> CustomerRef:
    known = customers.get(account_id)
    if known is None:
        return CustomerRef(account_id=account_id)
    return CustomerRef(account_id=account_id, name=known.owner_name, email=known.owner_email)


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
