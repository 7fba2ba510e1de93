"""Mails: one per reason, written down with the fact that causes them, sent by the worker."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from services.support.adapters.identity import LinkSource
from services.support.adapters.rendering import Letter, Renderer
from services.support.adapters.smtp import Mailer
from services.support.adapters.tables import MAIL, notifications, switches
from services.support.domain import LINKED, Notification
from services.support.use_cases.contacts import reach_of, remember_service
from shared.contracts.billing import InvoicePaid
from shared.contracts.identity import VerificationRequested
from shared.contracts.provisioning import ResourceActivated
from shared.database import Claimed, Database, NotUnderstood, UnitOfWork
from shared.database.switches import SwitchWatch
from shared.kernel import new_id
from shared.kernel.crashpoints import reach
from shared.telemetry.tracing import current_traceparent

# Seconds until a mail is looked at again while the switch stops all mail; turning it back wakes everybody at once.
_PAUSE_WHILE_STOPPED = 60.0


async def notify(
    work: UnitOfWork,
    dedupe_key: str,
    template: str,
    *,
    recipient: str,
    name: str,
    context: Mapping[str, Any],
) -> bool:
    """Writes a mail down to be sent. False when a mail for this reason was written down before."""
    written = await work.session.execute(
        insert(Notification)
        .values(
            id=new_id("ntf"),
            dedupe_key=dedupe_key,
            template=template,
            recipient=recipient,
            recipient_name=name,
            context=dict(context),
            trace=current_traceparent(),
        )
        .on_conflict_do_nothing(index_elements=[Notification.dedupe_key])
        .returning(Notification.id)
    )
    if written.first() is None:
        return False
    work.wake(notifications.name)
    return True


async def ask_to_verify(work: UnitOfWork, event: VerificationRequested) -> None:
    """The mail that proves control of an address; its link is asked for when it is sent.

    Raises NotUnderstood for a purpose that this code has no mail for.
    """
    if event.purpose not in LINKED:
        raise NotUnderstood(f"no mail is known for the purpose {event.purpose}")
    await notify(
        work,
        f"verify:{event.verification_id}",
        event.purpose,
        recipient=event.email,
        name=event.name,
        context={"verification_id": event.verification_id},
    )


async def confirm_payment(work: UnitOfWork, event: InvoicePaid) -> None:
    """The receipt of a paid invoice."""
    contact = await reach_of(work, event.account_id)
    await notify(
        work,
        f"receipt:{event.invoice_id}",
        "receipt",
        recipient=contact.email,
        name=contact.name,
        context={
            "number": event.number,
            "amount_minor": event.amount_minor,
            "currency": event.currency,
            "hosted_invoice_url": event.hosted_invoice_url,
            "paid_at": event.paid_at.isoformat(),
        },
    )


async def welcome(work: UnitOfWork, event: ResourceActivated) -> None:
    """A service is ready: its name is known from now on, and its owner is told how to use it."""
    await remember_service(work, event.resource_id, event.account_id, event.name, event.version)
    contact = await reach_of(work, event.account_id)
    await notify(
        work,
        f"welcome:{event.resource_id}",
        _welcome_template(event),
        recipient=contact.email,
        name=contact.name,
        context={
            "service_id": event.resource_id,
            "service_name": event.name,
            "plan_name": event.plan_name,
            "ipv4": event.ipv4,
            "attributes": [attribute.model_dump(mode="json") for attribute in event.attributes],
            "access": list(event.access),
        },
    )


def _welcome_template(event: ResourceActivated) -> str:
    """Facts of versions before attributes and access say of a server only its address."""
    described = event.attributes or event.access
    return "welcome_service" if described or event.product_type != "vps" else "welcome_vps"


class MailSender:
    """Sends what was written down: asks for a secret link where one is needed, renders, hands over, records.

    Neither identity nor the mail server is spoken to inside a transaction. A crash between handing over and
    recording sends the mail again, under the same Message-ID.
    """

    def __init__(self, database: Database, links: LinkSource, renderer: Renderer, mailer: Mailer) -> None:
        self._database = database
        self._stopped = SwitchWatch(database, switches, MAIL)
        self._links = links
        self._renderer = renderer
        self._mailer = mailer

    async def send(self, claimed: Claimed) -> None:
        """Handles one claimed row (for a DurableWorker). Raises HandlingFailed when the mail did not go out."""
        if await self._stopped.engaged():
            await self._database.run(lambda work: notifications.postpone(work.session, claimed, _PAUSE_WHILE_STOPPED))
            return
        row = claimed.row
        more: dict[str, Any] = {}
        if row["template"] in LINKED:
            link = await self._links.link(row["context"]["verification_id"])
            if link is None:
                await self._database.run(lambda work: _cancel(work, claimed, "the link can no longer be used"))
                return
            more["url"] = link
        letter = Letter(
            id=row["id"],
            template=row["template"],
            recipient=row["recipient"],
            recipient_name=row["recipient_name"],
            context=row["context"],
            written_at=row["created_at"],
        )
        message = self._renderer.render(letter, **more)
        reach("support.notifications.before_send")
        await self._mailer.send(message)
        reach("support.notifications.after_send")
        await self._database.run(lambda work: _record_sent(work, claimed))


async def _record_sent(work: UnitOfWork, claimed: Claimed) -> None:
    await notifications.complete(work.session, claimed, sent_at=work.clock.now())


async def _cancel(work: UnitOfWork, claimed: Claimed, reason: str) -> None:
    """The mail has become pointless. Filters on the lease, like every final write of a durable row."""
    await work.session.execute(
        update(Notification)
        .where(Notification.id == claimed.id, Notification.lease_token == claimed.lease)
        .values(state="canceled", lease_token=None, last_error=reason, finished_at=func.clock_timestamp())
    )
