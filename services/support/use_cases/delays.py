"""A service that could not be delivered automatically: a ticket for staff, calm words for the customer."""

from sqlalchemy import select

from services.support.domain import Ticket
from services.support.domain.tickets import LONGEST_SUBJECT
from services.support.use_cases.contacts import reach_of, remember_service
from services.support.use_cases.notifying import notify
from shared.contracts.provisioning import ResourceFailed
from shared.database import UnitOfWork

_WORDS = (
    "Setting up {name} takes longer than usual. Your order and your payment are safe, and you need not do anything: "
    "our staff have been told and are looking into it. We will report here."
)


async def report_delay(work: UnitOfWork, event: ResourceFailed) -> None:
    """Opens one ticket per failure of a resource and tells its owner once. The reason is for staff alone."""
    await remember_service(work, event.resource_id, event.account_id, event.name, event.version)
    cause = f"resource-failed:{event.resource_id}:{event.version}"
    known = await work.session.execute(select(Ticket.id).where(Ticket.cause == cause))
    if known.scalar_one_or_none() is not None:
        return
    contact, now = await reach_of(work, event.account_id), work.clock.now()
    ticket = Ticket.open(
        account_id=event.account_id,
        opened_by=None,
        subject=f"Setting up {event.name} takes longer than usual"[:LONGEST_SUBJECT],
        priority="high",
        service_id=event.resource_id,
        cause=cause,
        at=now,
    )
    work.add(ticket)
    await work.session.flush()  # a simultaneous twin fails here on the unique cause, and finds this ticket when retried
    work.add(ticket.system_says(_WORDS.format(name=event.name), at=now))
    work.add(ticket.note_for_staff(f"Provisioning gave up: {event.reason}", user_id=None, name="Provisioning", at=now))
    await work.session.flush()
    await notify(
        work,
        f"delayed:{event.resource_id}",
        "delivery_delayed",
        recipient=contact.email,
        name=contact.name,
        context={"service_name": event.name, "number": ticket.number, "ticket_id": ticket.id},
    )
