"""Tickets: opening, talking, closing."""

from sqlalchemy import Select, select

from services.support.domain import KnownService, Message, Ticket
from services.support.use_cases.contacts import reach_of, remember_caller
from services.support.use_cases.notifying import notify
from shared.database import UnitOfWork
from shared.kernel import FieldError, Invalid, NotFound, Principal
from shared.web.access import account_of

_MISSING = "There is no such ticket."


def tickets_of(caller: Principal) -> Select[Ticket]:
    """The tickets the caller may see: those of their account. Every customer's read and write of one starts here."""
    return select(Ticket).where(Ticket.account_id == account_of(caller))


async def open_ticket(
    work: UnitOfWork, caller: Principal, *, subject: str, body: str, priority: str, service_id: str | None
) -> Ticket:
    """A new ticket with its first message. Raises Invalid when the service is not one of the account's."""
    account_id, now = account_of(caller), work.clock.now()
    if service_id is not None:
        await _require_service(work, account_id, service_id)
    await remember_caller(work, caller, account_id)
    ticket = Ticket.open(
        account_id=account_id,
        opened_by=caller.user_id,
        subject=subject,
        priority=priority,
        service_id=service_id,
        at=now,
    )
    work.add(ticket)
    await work.session.flush()
    work.add(ticket.customer_says(body, user_id=caller.user_id, name=caller.name, at=now))
    await work.session.flush()
    return ticket


async def customer_replies(work: UnitOfWork, caller: Principal, ticket_id: str, body: str) -> Message:
    """The customer writes in a ticket of their account. Raises NotFound for any other."""
    ticket = await work.one(tickets_of(caller).where(Ticket.id == ticket_id).with_for_update(), _MISSING)
    message = ticket.customer_says(body, user_id=caller.user_id, name=caller.name, at=work.clock.now())
    work.add(message)
    return message


async def customer_closes(work: UnitOfWork, caller: Principal, ticket_id: str) -> Ticket:
    """The customer considers the matter settled. Raises NotFound for a ticket of another account."""
    ticket = await work.one(tickets_of(caller).where(Ticket.id == ticket_id).with_for_update(), _MISSING)
    ticket.close(by=caller.user_id, at=work.clock.now())
    return ticket


async def staff_answers(work: UnitOfWork, caller: Principal, ticket_id: str, body: str) -> Message:
    """Staff answer; the customer is told by mail."""
    ticket = await _for_staff(work, ticket_id)
    message = ticket.staff_says(body, user_id=caller.user_id, name=caller.name, at=work.clock.now())
    work.add(message)
    await _mail_reply(work, ticket, message)
    return message


async def staff_notes(work: UnitOfWork, caller: Principal, ticket_id: str, body: str) -> Message:
    """A note that only staff see."""
    ticket = await _for_staff(work, ticket_id)
    note = ticket.note_for_staff(body, user_id=caller.user_id, name=caller.name, at=work.clock.now())
    work.add(note)
    return note


async def staff_closes(work: UnitOfWork, caller: Principal, ticket_id: str) -> Ticket:
    """Staff consider the matter settled."""
    ticket = await _for_staff(work, ticket_id)
    ticket.close(by=caller.user_id, at=work.clock.now())
    return ticket


async def _for_staff(work: UnitOfWork, ticket_id: str) -> Ticket:
    return await work.one(select(Ticket).where(Ticket.id == ticket_id).with_for_update(), _MISSING)


async def _require_service(work: UnitOfWork, account_id: str, service_id: str) -> None:
    known = await work.session.execute(
        select(KnownService.id).where(KnownService.id == service_id, KnownService.account_id == account_id)
    )
    if known.scalar_one_or_none() is None:
        raise Invalid(
            "Choose one of your services, or none.",
            errors=(FieldError("/service_id", "You have no service with this id."),),
        )


async def _mail_reply(work: UnitOfWork, ticket: Ticket, message: Message) -> None:
    try:
        contact = await reach_of(work, ticket.account_id, ticket.opened_by)
    except NotFound:
        return  # the answer stands in the ticket; there is no address to send it to
    await notify(
        work,
        f"ticket-reply:{message.id}",
        "ticket_reply",
        recipient=contact.email,
        name=contact.name,
        context={
            "ticket_id": ticket.id,
            "number": ticket.number,
            "ticket_subject": ticket.subject,
            "author": message.author_name,
            "body": message.body,
        },
    )
