"""Verification mails with the real identity behind them, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from services.identity.adapters.tables import plumbing as identity_plumbing
from services.identity.main import create_service as create_identity
from services.identity.settings import IdentitySettings
from services.support.adapters.identity import IdentityLinks
from services.support.main import create_service as create_support
from shared.database import FailureClass, HandlingFailed
from shared.kernel import new_id
from shared.messaging import Consumer, LocalBroker, LocalTransport, Message
from shared.testing import FrozenClock
from shared.web.service import Service
from shared.web.tokens import TokenSigner
from tests.api.support.conftest import Inbox, Support, settings
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS
from tests.support.database import TestDatabase, free_port

PASSWORD = "velvet-otter-piano-71"


@dataclass
class Both:
    """Identity on a port, and support that calls it there."""

    identity: Service
    browser: httpx.AsyncClient
    support: Support
    clock: FrozenClock
    server: uvicorn.Server

    async def relay(self) -> None:
        """Carries identity's facts to support, again from the first: repeats must do no harm."""
        from services.support.adapters.tables import plumbing
        from services.support.consumers import handlers

        consumer = Consumer("support", self.support.database, plumbing.inbox, handlers())
        table = identity_plumbing.outbox_table
        async with self.identity.database.read() as session:
            rows = (await session.execute(table.select().order_by(table.c.created_at))).mappings().all()
        for row in rows:
            await consumer.receive(Message(str(row["id"]), row["type"], bytes(row["body"]), row["trace"]))

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.browser.post(f"/api/v1{path}", json=body)

    async def sign_up(self) -> None:
        answer = await self.post("/users", email="ada@example.com", password=PASSWORD, name="Ada Lovelace")
        assert answer.status_code == 202


@pytest_asyncio.fixture
async def both(fresh_database: TestDatabase, inbox: Inbox) -> AsyncIterator[Both]:
    """Identity and support side by side, as production runs them."""
    clock, port = FrozenClock(), free_port()
    identity = create_identity(
        IdentitySettings(
            environment="test",
            token_keys=TOKEN_KEYS,
            database_url=fresh_database.url("identity"),
            signing_key=PRIVATE_KEYS["identity"],
            public_url="https://shop.example",
            link_secret="an-unguessable-link-secret-for-tests-0123456789",
            answer_floor=0.0,
        ),
        LocalTransport(LocalBroker()),
        clock=clock,
    )
    server = uvicorn.Server(uvicorn.Config(identity.app, port=port, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{port}"
    configured = settings(fresh_database.url("support"), inbox.port, identity_url=url)
    support = create_support(configured, LocalTransport(LocalBroker()), clock=clock)
    async with (
        httpx.AsyncClient(base_url=url) as browser,
        httpx.AsyncClient(transport=httpx.ASGITransport(support.app), base_url="http://support") as client,
    ):
        yield Both(identity, browser, Support(support, client, clock), clock, server)
    for close in support.worker._closing:
        await close()
    server.should_exit = True
    await serving
    await support.database.close()
    await identity.database.close()


def token_in(inbox: Inbox, position: int = -1) -> str:
    """The token of the link in a mail."""
    plain = inbox.mails[position].get_body(("plain",))
    assert plain is not None
    return str(plain.get_content().split("token=")[1].split()[0])


async def test_the_link_in_the_mail_verifies_the_address(both: Both, inbox: Inbox) -> None:
    await both.sign_up()
    await both.relay()
    await both.relay()
    await both.support.deliver()
    assert [mail["Subject"] for mail in inbox.mails] == ["Confirm your e-mail address"]
    html = inbox.mails[0].get_body(("html",))
    assert html is not None
    token = token_in(inbox)
    assert f'href="https://shop.example/verify?token={token}"' in html.get_content()
    assert (await both.post("/users/verify", token=token)).status_code == 200
    assert (await both.post("/sessions", email="ada@example.com", password=PASSWORD)).status_code == 201


async def test_the_link_is_kept_in_no_row_of_support(both: Both, inbox: Inbox) -> None:
    await both.sign_up()
    await both.relay()
    await both.support.deliver()
    token = token_in(inbox)
    async with both.support.database.read() as session:
        connection = await session.connection()
        dump = await connection.exec_driver_sql(
            "SELECT (SELECT json_agg(n)::text FROM notifications n)"
            " || (SELECT string_agg(encode(body, 'escape'), '') FROM inbox)"
        )
        assert token not in str(dump.scalar_one())


async def test_a_reset_mail_works_and_an_outdated_one_is_not_sent(both: Both, inbox: Inbox) -> None:
    await both.sign_up()
    await both.post("/password-resets", email="ada@example.com")
    await both.post("/password-resets", email="ada@example.com")
    await both.relay()
    await both.support.deliver()
    rows = {row.template + row.state: row for row in await both.support.notifications()}
    assert set(rows) == {"verify_emaildone", "reset_passwordcanceled", "reset_passworddone"}
    assert rows["reset_passwordcanceled"].sent_at is None
    resets = [mail for mail in inbox.mails if mail["Subject"] == "Choose a new password"]
    assert len(resets) == 1
    position = inbox.mails.index(resets[0])
    done = await both.post("/password-resets/complete", token=token_in(inbox, position), password="granite teapot 9 x")
    assert done.status_code == 200


async def test_a_mail_whose_link_expired_while_the_mail_server_was_away_is_dropped(both: Both, inbox: Inbox) -> None:
    await both.sign_up()
    await both.relay()
    inbox.answers.append("451 later")
    await both.support.deliver()
    both.clock.advance(timedelta(hours=25))
    await both.support.deliver(now=True)
    assert inbox.received == []
    row = (await both.support.notifications())[0]
    assert (row.state, row.sent_at) == ("canceled", None)


async def test_the_owner_of_a_known_address_is_told_in_plain_words(both: Both, inbox: Inbox) -> None:
    await both.sign_up()
    await both.sign_up()
    await both.relay()
    await both.support.deliver()
    told = next(mail for mail in inbox.mails if mail["Subject"] == "You already have an account")
    plain = told.get_body(("plain",))
    assert plain is not None
    assert "https://shop.example/sign-in" in plain.get_content()


async def test_while_identity_is_away_its_mails_wait_and_others_go_out(both: Both, inbox: Inbox) -> None:
    await both.sign_up()
    await both.relay()
    both.server.should_exit = True
    links = both.support.service.worker._workers[0]._handle.__self__  # type: ignore[attr-defined]
    there = links._links
    links._links = IdentityLinks(f"http://127.0.0.1:{free_port()}", TokenSigner(PRIVATE_KEYS["support"]))
    await both.support.deliver()
    row = (await both.support.notifications())[0]
    assert (row.state, row.failure_class) == ("ready", "transient")
    assert "identity is away" in str(row.last_error)
    await links._links.close()
    links._links = there


async def test_what_identity_does_not_know_or_refuses_is_told_apart(both: Both) -> None:
    url = str(both.browser.base_url)
    unknown = IdentityLinks(url, TokenSigner(PRIVATE_KEYS["support"]))
    stranger = IdentityLinks(url, TokenSigner(PRIVATE_KEYS["catalog"]))
    for links, failure in ((unknown, FailureClass.PERMANENT), (stranger, FailureClass.TRANSIENT)):
        with pytest.raises(HandlingFailed) as refused:
            await links.link(new_id("ver"))
        assert refused.value.failure is failure
        await links.close()
