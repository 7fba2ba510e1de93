"""A payment stands, whatever becomes of the mail about it."""

from typing import Any

import pytest
from sqlalchemy import text

from services.support.adapters.smtp import SmtpMailer
from shared.contracts.billing import InvoicePaid
from shared.contracts.identity import UserRegistered
from shared.kernel import new_id
from tests.api.billing.conftest import Shop, stripe_events
from tests.api.billing.pictures import opened
from tests.api.support.conftest import Inbox, Support
from tests.support.database import free_port
from tests.support.stripe_sandbox import RunningSandbox

REFUSALS = {"for good": "554 Go away", "for now": "451 Later"}


def _sender(support: Support) -> Any:
    return support.service.worker._workers[0]._handle.__self__  # type: ignore[attr-defined]


@pytest.mark.bug("Paymenter/Paymenter #1307")
@pytest.mark.parametrize("trouble", ["away", *REFUSALS])
async def test_a_mail_that_cannot_be_sent_leaves_the_payment_paid_and_goes_out_later(
    shop: Shop, sandbox: RunningSandbox, support: Support, inbox: Inbox, trouble: str
) -> None:
    order, session_id = await opened(shop)
    registered = UserRegistered(
        user_id=new_id("usr"),
        account_id=order.account_id,
        account_name="Analytical Engines",
        email="ada@example.com",
        name="Ada Lovelace",
        locale="en",
    )
    await support.hear(registered)
    sender = _sender(support)
    there = sender._mailer
    if trouble == "away":
        sender._mailer = SmtpMailer(f"smtp://127.0.0.1:{free_port()}")
    else:
        inbox.answers = [REFUSALS[trouble]] * 3
    await sandbox.pay(session_id)
    await shop.billing.apply(*await stripe_events(sandbox))
    [receipt] = await shop.billing.facts("billing.invoice.paid")
    await support.hear(InvoicePaid.model_validate(receipt))
    await support.deliver()

    assert inbox.mails == []
    assert await support.fact_states() == ["done", "done"]
    assert [row["status"] for row in await shop.billing.rows("checkouts", "status")] == ["paid"]
    assert [row["status"] for row in await shop.billing.rows("invoices", "status")] == ["paid"]
    [mail] = await support.notifications()
    assert mail.state in ("ready", "dead")
    assert mail.last_error

    sender._mailer, inbox.answers = there, []
    async with support.database.work() as work:
        await work.session.execute(text("UPDATE notifications SET state = 'ready', finished_at = NULL"))
    await support.deliver(now=True)
    assert [sent["To"] for sent in inbox.mails] != []
    assert [note.state for note in await support.notifications()] == ["done"]
