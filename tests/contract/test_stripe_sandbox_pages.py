"""The hosted pages: a person pays, is refused, authenticates, leaves, comes back. No script, strict policy."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import stripe
from playwright.async_api import Browser

from tests.support.browser import chromium
from tests.support.stripe_sandbox import RunningSandbox, running_sandbox, subscription_session

SUCCEEDS, DECLINES, AUTHENTICATES = "4242424242424242", "4000000000000002", "4000002760003184"


@pytest.fixture
async def sandbox() -> AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


def path_of(session: stripe.checkout.Session) -> str:
    return f"/c/pay/{session.id}"


async def submit(sandbox: RunningSandbox, session: stripe.checkout.Session, card: str, **more: str) -> httpx.Response:
    form = {"card": card, "email": "ada@example.com", **more}
    return await sandbox.browser.post(path_of(session), data=form)


async def test_the_page_shows_lines_total_and_that_it_is_a_sandbox(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    shown = await sandbox.browser.get(path_of(session))
    assert shown.status_code == 200
    for text in ("VPS M", "2 × €12.00", "€27.00", "€3.00", "Then €24.00 every month", "Test sandbox"):
        assert text in shown.text
    assert "http://shop.test/cart" in shown.text


async def test_every_page_forbids_scripts_and_inline_styles(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    pages = ["/", path_of(session), "/c/pay/cs_test_missing", "/i/missing"]
    for path in pages:
        shown = await sandbox.browser.get(path)
        policy = shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", shown.text)


async def test_a_good_card_leads_to_the_success_url(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    answer = await submit(sandbox, session, SUCCEEDS)
    assert (answer.status_code, answer.headers["location"]) == (303, f"http://shop.test/done?session={session.id}")
    paid = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)
    assert paid.customer_details is not None
    assert (paid.status, paid.customer_details.email) == ("complete", "ada@example.com")
    again = await sandbox.browser.get(path_of(session))
    assert "This payment is complete" in again.text


async def test_pressing_pay_many_times_pays_once(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    answers = await asyncio.gather(*(submit(sandbox, session, SUCCEEDS) for _ in range(8)))
    assert {answer.headers["location"] for answer in answers} == {f"http://shop.test/done?session={session.id}"}
    assert len((await sandbox.stripe.v1.charges.list_async()).data) == 1


async def test_a_declined_card_returns_to_a_page_that_says_so(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    answer = await submit(sandbox, session, DECLINES)
    assert (answer.status_code, answer.headers["location"]) == (303, path_of(session))
    shown = await sandbox.browser.get(path_of(session))
    assert "Your card was declined." in shown.text
    assert 'role="alert"' in shown.text
    assert "ada@example.com" in shown.text
    assert (await submit(sandbox, session, SUCCEEDS)).headers["location"].startswith("http://shop.test/done")


async def test_authentication_can_be_completed_or_failed(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    challenge = f"{path_of(session)}/authenticate"
    assert (await submit(sandbox, session, AUTHENTICATES)).headers["location"] == challenge
    assert "Sandbox Bank" in (await sandbox.browser.get(challenge)).text
    failed = await sandbox.browser.post(challenge, data={"result": "fail"})
    assert failed.headers["location"] == path_of(session)
    assert "unable to authenticate" in (await sandbox.browser.get(path_of(session))).text
    # Without an open challenge there is nothing to answer.
    assert (await sandbox.browser.get(challenge)).headers["location"] == path_of(session)
    assert (await sandbox.browser.post(challenge, data={"result": "complete"})).headers["location"] == path_of(session)
    assert (await sandbox.stripe.v1.charges.list_async()).data == []
    await submit(sandbox, session, AUTHENTICATES)
    passed = await sandbox.browser.post(challenge, data={"result": "complete"})
    assert passed.headers["location"] == f"http://shop.test/done?session={session.id}"


async def test_an_expired_session_says_so_and_takes_no_card(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.stripe.v1.checkout.sessions.expire_async(session.id)
    assert "This checkout has expired" in (await sandbox.browser.get(path_of(session))).text
    assert (await submit(sandbox, session, SUCCEEDS)).headers["location"] == path_of(session)
    assert (await sandbox.stripe.v1.charges.list_async()).data == []


async def test_an_address_that_is_none_is_asked_for_again(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    answer = await submit(sandbox, session, SUCCEEDS, email="nobody")
    assert answer.status_code == 422
    assert "valid e-mail address" in answer.text
    assert (await sandbox.stripe.v1.charges.list_async()).data == []


async def test_a_number_that_is_no_test_card_is_never_charged(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    assert (await submit(sandbox, session, "5555555555554444")).status_code == 200
    assert (await sandbox.stripe.v1.payment_intents.list_async()).data == []


async def test_names_are_shown_as_text(sandbox: RunningSandbox) -> None:
    price = {"currency": "eur", "unit_amount": 900, "product_data": {"name": "<script>alert(1)</script>{{7*7}}"}}
    params: Any = {
        "mode": "payment",
        "line_items": [{"price_data": price, "quantity": 1}],
        "success_url": "http://shop.test",
    }
    session = await sandbox.stripe.v1.checkout.sessions.create_async(params)
    shown = (await sandbox.browser.get(path_of(session))).text
    assert "<script>" not in shown
    assert "{{7*7}}" in shown


async def test_unknown_and_unreadable_requests_are_answered_politely(sandbox: RunningSandbox) -> None:
    assert (await sandbox.browser.get("/c/pay/cs_test_x")).status_code == 404
    assert (await sandbox.browser.post("/c/pay/cs_test_x", data={"card": SUCCEEDS})).status_code == 404
    session = await subscription_session(sandbox)
    assert (await sandbox.browser.post(path_of(session), content=b"card=\xff")).status_code in {200, 400}
    assert (await sandbox.browser.post(path_of(session), content=b"x" * 20_000)).status_code == 413


async def test_a_paid_invoice_has_a_page_and_a_pdf(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id)
    [invoice] = (await sandbox.stripe.v1.invoices.list_async()).data
    assert invoice.hosted_invoice_url is not None
    assert invoice.invoice_pdf is not None
    shown = await sandbox.browser.get(invoice.hosted_invoice_url)
    assert f"Invoice {invoice.number}" in shown.text
    assert "€27.00" in shown.text
    pdf = await sandbox.browser.get(invoice.invoice_pdf)
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-1.4")
    start = int(pdf.content.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert pdf.content[start:].startswith(b"xref")


async def test_the_front_page_lists_sessions_and_events(sandbox: RunningSandbox) -> None:
    assert "Nothing has happened yet" in (await sandbox.browser.get("/")).text
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id)
    shown = (await sandbox.browser.get("/")).text
    assert "checkout.session.completed" in shown
    assert path_of(session) in shown
    assert "sk_test" not in shown
    assert "whsec_" not in shown


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.mark.e2e
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_a_person_pays_in_a_browser_without_scripts(
    sandbox: RunningSandbox, browser: Browser, scheme: Any, width: int
) -> None:
    # Another origin than the checkout's: the policy must let the form's answer lead back to the shop.
    async with running_sandbox() as shop:
        session = await subscription_session(sandbox, success_url=f"{shop.url}/?paid={{CHECKOUT_SESSION_ID}}")
        context = await browser.new_context(
            java_script_enabled=False, color_scheme=scheme, viewport={"width": width, "height": 844}
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(str(session.url))
        await page.get_by_label("E-mail").fill("ada@example.com")
        await page.get_by_role("radio", name="Card declined").check()
        await page.get_by_role("button", name="Subscribe and pay").click()
        await page.get_by_text("Your card was declined.").wait_for()
        await page.get_by_role("radio", name="Authentication required").check()
        await page.get_by_role("button", name="Subscribe and pay").click()
        await page.get_by_role("button", name="Complete authentication").click()
        await page.wait_for_url(f"{shop.url}/?paid={session.id}")
        assert complaints == []
        await context.close()
    assert (await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id)).payment_status == "paid"
