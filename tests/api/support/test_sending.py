import asyncio
import os
import signal

import pytest
from sqlalchemy import text

from services.support.adapters.smtp import SmtpMailer
from shared.testing import eventually
from tests.api.support.conftest import Customer, Inbox, Support
from tests.support.callers import bearer, staff
from tests.support.database import TestDatabase, free_port
from tests.support.launching import forked


async def receipt(support: Support, ada: Customer) -> str:
    """A mail that waits to be sent; returns its id."""
    await support.hear(ada.registered())
    await support.hear(ada.paid())
    return (await support.notifications())[0].id


async def test_a_mail_goes_out_in_two_parts_that_say_the_same(support: Support, inbox: Inbox, ada: Customer) -> None:
    identity = await receipt(support, ada)
    assert await support.deliver() == 1
    sender, recipients, mail = inbox.received[0]
    assert (sender, recipients) == ("hello@shop.example", ["ada@example.com"])
    assert mail["Subject"] == "Receipt for invoice EZ-0007"
    assert mail["From"] == "EZ Solutions <hello@shop.example>"
    assert mail["To"] == "Ada Lovelace <ada@example.com>"
    assert mail["Message-ID"] == f"<{identity}@shop.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    for part in (plain.get_content(), html.get_content()):
        for fact in ("EZ-0007", "€1,234.56", "31 January 2026", "https://invoice.stripe.com/i/x"):
            assert fact in part
    row = (await support.notifications())[0]
    assert (row.state, row.attempts, row.last_error) == ("done", 1, None)
    assert row.sent_at == support.clock.now()
    assert await support.deliver() == 0


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("451 4.3.0 try again later", "ready"),
        ("421 4.3.2 shutting down", "ready"),
        ("550 5.1.1 no such mailbox", "dead"),
        ("554 5.7.1 refused", "dead"),
    ],
)
@pytest.mark.parametrize("when", ["RCPT", "DATA"])
async def test_what_the_server_answers_decides_whether_the_mail_is_tried_again(
    support: Support, inbox: Inbox, ada: Customer, answer: str, state: str, when: str
) -> None:
    await receipt(support, ada)
    (inbox.answers if when == "DATA" else inbox.recipient_answers).append(answer)
    await support.deliver()
    row = (await support.notifications())[0]
    assert row.state == state
    assert row.last_error is not None
    assert answer[:3] in row.last_error
    assert inbox.received == []
    if state == "ready":
        await support.deliver(now=True)
        assert (await support.notifications())[0].state == "done"
        assert len(inbox.received) == 1


async def test_a_dead_mail_is_listed_and_can_be_sent_again_by_staff(
    support: Support, inbox: Inbox, ada: Customer
) -> None:
    identity = await receipt(support, ada)
    inbox.answers.append("550 5.7.1 blocked")
    await support.deliver()
    headers = bearer(staff())
    listed = (await support.client.get("/api/v1/staff/dead-letters/support", headers=headers)).json()["data"]
    assert [(letter["queue"], letter["id"], letter["label"]) for letter in listed] == [
        ("notifications", identity, "receipt")
    ]
    path = f"/api/v1/staff/dead-letters/support/notifications/{identity}/replay"
    assert (await support.client.post(path, headers=headers)).status_code == 202
    await support.deliver()
    assert [mail["Message-ID"] for mail in inbox.mails] == [f"<{identity}@shop.example>"]


async def test_a_mail_server_that_is_away_costs_nothing_but_time(support: Support, inbox: Inbox, ada: Customer) -> None:
    identity = await receipt(support, ada)
    sender = support.service.worker._workers[0]._handle.__self__  # type: ignore[attr-defined]
    there, sender._mailer = sender._mailer, SmtpMailer(f"smtp://127.0.0.1:{free_port()}")
    await support.deliver()
    row = (await support.notifications())[0]
    assert (row.state, row.failure_class) == ("ready", "transient")
    # Everything else went on meanwhile.
    ticket = await support.ticket(ada.principal)
    assert ticket["status"] == "open"
    sender._mailer = there
    await support.deliver(now=True)
    assert [mail["Message-ID"] for mail in inbox.mails] == [f"<{identity}@shop.example>"]


async def test_names_that_try_to_add_headers_end_up_as_names(support: Support, inbox: Inbox, ada: Customer) -> None:
    name = "Ada\r\nBcc: eve@example.com\r\n\r\n<script>alert(1)</script> {{ 7 * 7 }}"
    await support.hear(ada.registered(name=name))
    await support.hear(ada.activated(name="web\r\nX-Injected: 1 <b>{{ 7 * 7 }}</b>"))
    await support.deliver()
    _sender, recipients, mail = inbox.received[0]
    assert recipients == ["ada@example.com"]
    assert mail["Bcc"] is None
    assert mail["X-Injected"] is None
    assert mail["Subject"] == "web X-Injected: 1 <b>{{ 7 * 7 }}</b> is ready"
    html = mail.get_body(("html",))
    assert html is not None
    shown = html.get_content()
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "{{ 7 * 7 }}" in shown
    assert "49" not in shown.replace("#", "")[: shown.index("</head>")] + shown[shown.index("<body>") :]


async def test_an_address_in_an_international_domain_is_mailed_in_ascii(
    support: Support, inbox: Inbox, ada: Customer
) -> None:
    await support.hear(ada.registered(email="ada@bücher.example"))
    await support.hear(ada.paid())
    await support.deliver()
    assert inbox.received[0][1] == ["ada@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "address",
    ["zoë@example.com", "ada", "", "ada@example.com> NOTIFY=SUCCESS", "ada@example.com\r\nBcc: eve@example.com"],
)
async def test_an_address_that_cannot_be_written_to_is_given_up_at_once(
    support: Support, inbox: Inbox, ada: Customer, address: str
) -> None:
    await support.hear(ada.registered(email=address))
    await support.hear(ada.paid())
    await support.deliver()
    assert inbox.received == []
    row = (await support.notifications())[0]
    assert (row.state, row.attempts) == ("dead", 1)


async def test_an_answer_to_a_ticket_arrives_with_its_words(support: Support, inbox: Inbox, ada: Customer) -> None:
    ticket = await support.ticket(ada.principal, subject="No route & no <idea>")
    body = "Try now.\n\nWe changed <gateway> & netmask."
    await support.call("POST", f"/staff/tickets/{ticket['id']}/messages", staff(), json={"body": body})
    await support.deliver()
    mail = inbox.mails[0]
    assert mail["Subject"] == "Re: [T-100001] No route & no <idea>"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert body in plain.get_content().replace("\r\n", "\n")
    assert "We changed &lt;gateway&gt; &amp; netmask." in html.get_content()
    assert f"https://shop.example/tickets/{ticket['id']}" in plain.get_content()


async def test_starttls_is_demanded_where_it_is_configured(inbox: Inbox, support: Support, ada: Customer) -> None:
    await receipt(support, ada)
    sender = support.service.worker._workers[0]._handle.__self__  # type: ignore[attr-defined]
    sender._mailer = SmtpMailer(f"smtp+starttls://127.0.0.1:{inbox.port}")
    await support.deliver()
    assert inbox.received == []
    assert (await support.notifications())[0].state != "done"


async def test_a_server_that_never_answers_is_given_up_in_time(support: Support, ada: Customer) -> None:
    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    await receipt(support, ada)
    sender = support.service.worker._workers[0]._handle.__self__  # type: ignore[attr-defined]
    sender._mailer = SmtpMailer(f"smtp://127.0.0.1:{port}", timeout=0.3)
    await support.deliver()
    silent.close()
    row = (await support.notifications())[0]
    assert (row.state, row.failure_class) == ("ready", "transient")


async def test_a_wrong_mail_password_keeps_the_mail(support: Support, inbox: Inbox, ada: Customer) -> None:
    await receipt(support, ada)
    sender = support.service.worker._workers[0]._handle.__self__  # type: ignore[attr-defined]
    sender._mailer = SmtpMailer(f"smtp://someone:s3cret-word@127.0.0.1:{inbox.port}")
    await support.deliver()
    row = (await support.notifications())[0]
    assert row.state != "done"
    assert "s3cret-word" not in str(row.last_error)


async def run_until_killed(database_url: str, port: int, point: str) -> int:
    """Starts the worker so that it dies at `point`; returns how it ended."""
    process = forked(
        "tests.api.support.worker_process", database_url, str(port), env={**os.environ, "EZ_CRASH_AT": point}
    )
    try:
        return await asyncio.to_thread(process.wait, 60)
    finally:
        process.kill()


@pytest.mark.crash
@pytest.mark.parametrize(("point", "copies"), [("before_send", 1), ("after_send", 2)])
async def test_a_crash_around_sending_never_loses_a_mail_and_a_repeat_has_the_same_message_id(
    support: Support, inbox: Inbox, ada: Customer, fresh_database: TestDatabase, point: str, copies: int
) -> None:
    identity = await receipt(support, ada)
    ended = await run_until_killed(fresh_database.url("support"), inbox.port, f"support.notifications.{point}")
    assert ended == -signal.SIGKILL
    row = (await support.notifications())[0]
    assert (row.state, row.sent_at) == ("ready", None)
    assert len(inbox.received) == copies - 1
    await support.deliver(now=True)  # the dead worker's lease has run out
    assert [mail["Message-ID"] for mail in inbox.mails] == [f"<{identity}@shop.example>"] * copies
    assert len({mail.as_bytes() for mail in inbox.mails}) == 1
    assert (await support.notifications())[0].state == "done"


async def test_a_worker_that_overslept_its_lease_does_not_record_over_its_successor(
    support: Support, inbox: Inbox, ada: Customer
) -> None:
    await receipt(support, ada)
    async with support.database.work() as work:
        await work.session.execute(text("SELECT 1"))
    first = support.deliver(now=True)
    second = support.deliver(now=True)
    await asyncio.gather(first, second)
    rows = await support.notifications()
    assert [row.state for row in rows] == ["done"]
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 1


async def test_the_running_worker_sends_a_mail_within_moments(support: Support, inbox: Inbox, ada: Customer) -> None:
    running = asyncio.create_task(support.service.worker.run())
    try:
        await asyncio.sleep(0.3)
        await receipt(support, ada)

        async def arrived() -> bool:
            return len(inbox.received) == 1

        await eventually(arrived)

        async def recorded() -> bool:
            return (await support.notifications())[0].state == "done"

        await eventually(recorded)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
