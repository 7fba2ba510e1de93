"""A person buys a server in a real browser, from the real instance that `make up` starts."""

import asyncio
import re
import uuid

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from shared.testing import eventually
from tests.e2e import steps
from tests.support.embedded import Embedded
from tests.support.processes import listening_ports

pytestmark = [pytest.mark.e2e]


def _name() -> str:
    return f"web-{uuid.uuid4().hex[:8]}.example.com"


def _machines_called(embedded: Embedded, hostname: str) -> int:
    return sum(machine["name"] == hostname for machine in embedded.machines())


async def test_a_newcomer_signs_up_and_watches_a_server_come_alive(page: Page, embedded: Embedded) -> None:
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: broken.append(str(error)))
    hostname = _name()
    who = await steps.sign_up(page, embedded)
    await steps.order(page, embedded, hostname)
    await steps.pay(page)
    await page.wait_for_url(re.compile(r"/orders/ord_"))
    loads: list[str] = []
    page.on("load", lambda tab: loads.append(tab.url))
    await steps.fulfilled(page)
    assert loads == []  # the page was told; it did not reload
    await page.get_by_role("main").get_by_role("link", name=hostname).click()
    await expect(page.get_by_text("ssh root@")).to_be_visible()
    assert _machines_called(embedded, hostname) == 1
    welcome = await eventually(lambda: _mails(embedded, who.email, hostname), what="the welcome mail")
    assert len(welcome) == 1
    assert broken == []


async def _mails(embedded: Embedded, recipient: str, words: str) -> list[object]:
    return [mail for mail in embedded.mails(recipient) if words in mail["subject"]]


async def test_the_buying_path_works_without_javascript(browser: Browser, embedded: Embedded) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page, hostname = await context.new_page(), _name()
    await steps.sign_up(page, embedded)
    await steps.order(page, embedded, hostname)
    await steps.pay(page)
    await page.wait_for_url(re.compile(r"/orders/ord_"))

    async def says_so() -> bool:
        await page.reload()
        return await page.get_by_text("Fulfilled exactly once").is_visible()

    await eventually(says_so, every=1)
    assert _machines_called(embedded, hostname) == 1
    await context.close()


async def test_a_declined_card_is_explained_and_another_one_works(page: Page, embedded: Embedded) -> None:
    hostname = _name()
    await steps.sign_in(page, embedded)
    await steps.order(page, embedded, hostname)
    await steps.pay(page, "Card declined")
    await expect(page.get_by_text(re.compile("declined", re.IGNORECASE)).first).to_be_visible()
    await page.get_by_role("link", name=re.compile("Cancel and return")).click()
    await expect(page.get_by_text("The payment did not go through")).to_be_visible(timeout=steps.PATIENCE)
    await page.get_by_role("button", name="Continue to payment").first.click()
    await steps.pay(page)
    await steps.fulfilled(page)
    assert _machines_called(embedded, hostname) == 1


async def test_a_bank_that_asks_first_is_answered(page: Page, embedded: Embedded) -> None:
    await steps.sign_in(page, embedded)
    await steps.order(page, embedded, _name())
    await steps.pay(page, "Authentication required")
    await page.get_by_role("button", name="Complete authentication").click()
    await steps.fulfilled(page)


async def test_the_success_address_alone_proves_nothing(page: Page, embedded: Embedded) -> None:
    hostname = _name()
    await steps.sign_in(page, embedded)
    await steps.order(page, embedded, hostname)
    await page.get_by_role("link", name=re.compile("Cancel and return")).click()
    await page.wait_for_url(re.compile(r"/orders/ord_"))
    await page.goto(page.url.split("?")[0] + "?checkout=success")
    await asyncio.sleep(2)
    await page.reload()
    assert not await page.get_by_text("Fulfilled exactly once").is_visible()
    assert _machines_called(embedded, hostname) == 0


async def test_a_hypervisor_that_is_down_is_said_calmly_and_recovers_by_itself(
    page: Page, browser: Browser, embedded: Embedded
) -> None:
    hostname = _name()
    await steps.sign_in(page, embedded)
    embedded.hypervisor("POST", "/_sandbox/outage", {"state": "on"})
    try:
        await steps.order(page, embedded, hostname)
        await steps.pay(page)
        await expect(page.get_by_text("taking longer than usual").first).to_be_visible(timeout=steps.PATIENCE)
        console = await (await browser.new_context()).new_page()
        await steps.sign_in_as_staff(console, embedded)
        await console.goto(f"{embedded.url}/console/provisioning")
        await expect(console.get_by_text(hostname).first).to_be_visible()
        await console.context.close()
    finally:
        embedded.hypervisor("POST", "/_sandbox/outage", {"state": "off"})
    await steps.fulfilled(page)
    assert _machines_called(embedded, hostname) == 1


async def test_a_service_is_stopped_and_started(page: Page, embedded: Embedded) -> None:
    hostname = _name()
    await steps.sign_in(page, embedded)
    await steps.order(page, embedded, hostname)
    await steps.pay(page)
    await steps.fulfilled(page)
    await page.get_by_role("main").get_by_role("link", name=hostname).click()
    await page.get_by_role("button", name="Stop", exact=True).click()
    await page.get_by_role("button", name="Stop now").click()
    await expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible(timeout=steps.PATIENCE)
    (machine,) = [machine for machine in embedded.machines() if machine["name"] == hostname]
    assert machine["status"] == "stopped"
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.get_by_role("button", name="Restart", exact=True)).to_be_visible(timeout=steps.PATIENCE)


async def test_a_ticket_is_answered_by_staff(context: BrowserContext, browser: Browser, embedded: Embedded) -> None:
    page = await context.new_page()
    await steps.sign_in(page, embedded)
    subject = f"Question {uuid.uuid4().hex[:6]} <script>alert(1)</script>"
    await page.goto(f"{embedded.url}/tickets/new")
    await page.get_by_label("Subject").fill(subject)
    await page.get_by_label("What can we do for you?").fill("How do I connect? {{7*7}} <b>bold</b>")
    await page.get_by_role("button", name="Open ticket").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(subject)
    await expect(page.get_by_text("{{7*7}} <b>bold</b>")).to_be_visible()
    console = await (await browser.new_context()).new_page()
    await steps.sign_in_as_staff(console, embedded)
    await console.goto(f"{embedded.url}/console/tickets")
    await console.get_by_role("link", name=subject).click()
    await console.locator("textarea[name=body]").fill("With ssh, as root.")
    await console.get_by_role("button", name=re.compile("Send")).click()
    await expect(console.get_by_text("With ssh, as root.")).to_be_visible()
    await console.context.close()
    await page.reload()
    await expect(page.get_by_text("With ssh, as root.")).to_be_visible()


@pytest.mark.parametrize("path", ["/console", "/console/orders", "/console/provisioning", "/console/dead-letters"])
async def test_a_customer_cannot_open_the_console(page: Page, embedded: Embedded, path: str) -> None:
    await steps.sign_in(page, embedded)
    answer = await page.goto(embedded.url + path)
    assert answer is not None
    assert answer.status in (403, 404)


async def test_staff_see_orders_events_queue_and_letters(page: Page, embedded: Embedded) -> None:
    await steps.sign_in_as_staff(page, embedded)
    for path in ("orders", "provisioning", "stripe-events", "dead-letters", "tickets", "notifications", "services"):
        answer = await page.goto(f"{embedded.url}/console/{path}")
        assert answer is not None
        assert answer.status == 200, path


async def test_signing_out_ends_the_session_everywhere(context: BrowserContext, embedded: Embedded) -> None:
    page = await context.new_page()
    await steps.sign_in(page, embedded)
    cookies = await context.cookies()
    await page.get_by_role("button", name="Sign out").first.click()
    await page.wait_for_url(re.compile(r"/(sign-in.*)?$"))
    await context.add_cookies(cookies)  # type: ignore[arg-type]  # a copy of the cookie must not open the door again
    await asyncio.sleep(0.6)
    await page.goto(f"{embedded.url}/dashboard")
    await page.wait_for_url(re.compile("/sign-in"))


def test_everything_listens_within_fifty_ports_and_on_this_machine_alone(embedded: Embedded) -> None:
    """PostgreSQL, sandboxes and services included, so that instances 50 ports apart are never in each other's way."""
    base, found = embedded.ports["gateway"], listening_ports(embedded.pid)
    assert {port for _address, port in found} == set(embedded.ports.values())
    assert {port for _address, port in found} <= set(range(base, base + 50))
    loopback = {"0100007F", "00000000000000000000000001000000"}
    assert {address for address, _port in found} <= loopback
