"""Support over a real PostgreSQL and a real SMTP server, with facts delivered as the bus would."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTPUTF8
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select, text

from services.support.adapters.tables import notifications, plumbing
from services.support.consumers import handlers
from services.support.domain import Notification
from services.support.main import create_service
from services.support.settings import SupportSettings
from shared.contracts.billing import InvoicePaid
from shared.contracts.identity import UserRegistered, VerificationRequested
from shared.contracts.provisioning import ResourceActivated, ResourceFailed
from shared.kernel import Principal, new_id
from shared.messaging import Consumer, LocalBroker, LocalTransport
from shared.testing import FrozenClock
from shared.web.service import Service
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS, bearer, customer
from tests.support.database import TestDatabase, free_port
from tests.support.running_service import RunningService

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass
class Inbox:
    """A mail server's side: what arrived, and the answers it gives next."""

    port: int
    received: list[tuple[str, list[str], EmailMessage]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    recipient_answers: list[str] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        return [mail for _sender, _recipients, mail in self.received]

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.recipient_answers:
            return self.recipient_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.answers:
            return self.answers.pop(0)
        mail = BytesParser(policy=SMTPUTF8).parsebytes(envelope.content or b"")  # type: ignore[arg-type]
        assert isinstance(mail, EmailMessage)
        self.received.append((str(envelope.mail_from), list(envelope.rcpt_tos), mail))
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """An SMTP server on a port of its own."""
    caught = Inbox(free_port())
    controller = Controller(caught, hostname="127.0.0.1", port=caught.port, enable_SMTPUTF8=True)
    controller.start()
    try:
        yield caught
    finally:
        controller.stop()


def settings(database_url: str, smtp_port: int, **changes: Any) -> SupportSettings:
    """Settings as a test deployment would have them."""
    values: dict[str, Any] = {
        "environment": "test",
        "token_keys": TOKEN_KEYS,
        "database_url": database_url,
        "signing_key": PRIVATE_KEYS["support"],
        "identity_url": f"http://127.0.0.1:{free_port()}",
        "public_url": "https://shop.example",
        "smtp_url": f"smtp://127.0.0.1:{smtp_port}",
        "mail_from": "EZ Solutions <hello@shop.example>",
    }
    return SupportSettings(**{**values, **changes})


@dataclass
class Support(RunningService):
    """One running support and what a test does with it."""

    service: Service
    client: httpx.AsyncClient
    clock: FrozenClock

    async def retry_facts(self) -> None:
        """Lets the facts that failed be handled again, now."""
        consumer = Consumer("support", self.database, plumbing.inbox, handlers())
        async with self.database.work() as work:
            await work.session.execute(text("UPDATE inbox SET next_attempt_at = now() WHERE state = 'ready'"))
        async with self.database.work() as work:
            claimed = await plumbing.inbox.claim(work.session, 100)
        for item in claimed:
            await consumer.retry(item)

    async def fact_states(self) -> list[str]:
        async with self.database.read() as session:
            return list((await session.execute(select(plumbing.inbox_table.c.state))).scalars())

    async def deliver(self, *, now: bool = False) -> int:
        """Sends the mails that are due; with `now`, also those that wait for another attempt or on a lease."""
        if now:
            async with self.database.work() as work:
                await work.session.execute(text("UPDATE notifications SET next_attempt_at = now()"))
        async with self.database.work() as work:
            claimed = await notifications.claim(work.session, 100)
        sender = self.service.worker._workers[0]
        await asyncio.gather(*(sender._one(item) for item in claimed))
        return len(claimed)

    async def notifications(self) -> list[Notification]:
        async with self.database.read() as session:
            rows = await session.execute(select(Notification).order_by(Notification.created_at))
            return list(rows.scalars())

    async def call(self, method: str, path: str, caller: Principal, **options: Any) -> httpx.Response:
        headers = {**bearer(caller), **options.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    async def ticket(self, caller: Principal, **changes: Any) -> dict[str, Any]:
        body = {"subject": "No route to my server", "body": "Ping fails since noon.", **changes}
        answer = await self.call("POST", "/tickets", caller, json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest_asyncio.fixture
async def support(fresh_database: TestDatabase, inbox: Inbox) -> AsyncIterator[Support]:
    """Support with a clock that stands still; identity is away."""
    clock = FrozenClock()
    configured = settings(fresh_database.url("support"), inbox.port)
    service = create_service(configured, LocalTransport(LocalBroker()), clock=clock)
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://support") as client:
        yield Support(service, client, clock)
    for close in service.worker._closing:
        await close()
    await service.database.close()


@dataclass(frozen=True)
class Customer:
    """A customer with everything other contexts would say about them."""

    principal: Principal
    service_id: str = field(default_factory=lambda: new_id("svc"))

    @property
    def account_id(self) -> str:
        assert self.principal.account_id is not None
        return self.principal.account_id

    def registered(self, **changes: Any) -> UserRegistered:
        values = {
            "user_id": self.principal.user_id,
            "account_id": self.account_id,
            "account_name": "Analytical Engines",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "locale": "en",
        }
        return UserRegistered(**{**values, **changes})

    def asked_to_verify(self, **changes: Any) -> VerificationRequested:
        values = {
            "verification_id": new_id("ver"),
            "purpose": "verify_email",
            "user_id": self.principal.user_id,
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "locale": "en",
        }
        return VerificationRequested(**{**values, **changes})

    def activated(self, **changes: Any) -> ResourceActivated:
        values = {
            "resource_id": self.service_id,
            "entitlement_id": new_id("ent"),
            "order_id": new_id("ord"),
            "account_id": self.account_id,
            "product_type": "vps",
            "plan_name": "VPS Small",
            "name": "web-1.example.com",
            "ipv4": "203.0.113.7",
            "version": 2,
            "activated_at": NOW,
        }
        return ResourceActivated(**{**values, **changes})

    def failed(self, **changes: Any) -> ResourceFailed:
        values = {
            "resource_id": self.service_id,
            "entitlement_id": new_id("ent"),
            "order_id": new_id("ord"),
            "account_id": self.account_id,
            "name": "web-1.example.com",
            "reason": "node pve-3 has no space left on local-lvm",
            "version": 1,
        }
        return ResourceFailed(**{**values, **changes})

    def paid(self, **changes: Any) -> InvoicePaid:
        values = {
            "invoice_id": new_id("inv"),
            "order_id": new_id("ord"),
            "account_id": self.account_id,
            "number": "EZ-0007",
            "amount_minor": 123456,
            "currency": "EUR",
            "hosted_invoice_url": "https://invoice.stripe.com/i/x",
            "paid_at": NOW,
        }
        return InvoicePaid(**{**values, **changes})


@pytest.fixture
def ada() -> Customer:
    """A customer."""
    return Customer(customer())
