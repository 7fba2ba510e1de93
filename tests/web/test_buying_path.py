"""A real browser buys a server, with and without JavaScript."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.fake_data import PASSWORD, World

pytestmark = pytest.mark.e2e
Served = tuple[World, str]


async def _choose(page: Page, address: str) -> None:
    await page.goto(f"{address}/")
    await page.get_by_role("link", name="See plans and prices").click()
    await page.get_by_role("link", name="Yearly").click()
    await page.get_by_role("link", name="Choose VPS M").click()
    await page.get_by_label("Hostname").fill("first.example.com")
    await page.get_by_label("Ubuntu 24.04 LTS").check()
    await page.get_by_role("button", name="Continue").click()


async def _sign_in(page: Page) -> None:
    await expect(page.get_by_text("Your configuration is kept")).to_be_visible()
    await page.get_by_label("E-mail address").fill("neo@example.com")
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("main").get_by_role("button", name="Sign in").click()


async def test_a_server_is_bought_without_javascript(browser: Browser, served: Served) -> None:
    world, address = served
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await _choose(page, address)
    await _sign_in(page)
    await expect(page.get_by_label("Hostname")).to_have_value("first.example.com")
    await page.get_by_role("button", name="Order and pay").click()
    await page.get_by_role("button", name="Pay").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Order EZ-"))
    # The page renews itself; opening it again is the same to the server.
    await page.wait_for_timeout(2500)
    await page.reload()
    await expect(page.get_by_text("Fulfilled exactly once")).to_be_visible()
    order = next(order for order in world.orders if order["account_id"] == "acc_neo")
    assert (order["status"], order["items"][0]["template"], order["items"][0]["interval"]) == (
        "fulfilled",
        "ubuntu-24.04",
        "year",
    )
    await context.close()


async def test_the_timeline_fills_in_while_one_watches(browser: Browser, served: Served) -> None:
    _, address = served
    context = await browser.new_context()
    page = await context.new_page()
    loads: list[str] = []
    await _choose(page, address)
    await _sign_in(page)
    await page.get_by_role("button", name="Order and pay").click()
    await page.get_by_role("button", name="Pay").click()
    await page.wait_for_url(f"{address}/orders/**")
    page.on("framenavigated", lambda frame: loads.append(frame.url))
    await page.get_by_role("link", name="Ask about this order").focus()
    await expect(page.get_by_text("Fulfilled exactly once")).to_be_visible(timeout=15_000)
    await expect(page.locator("[data-live-status]")).to_contain_text("Fulfilled")
    assert loads == []
    await context.close()


async def test_without_event_streams_the_page_asks_by_itself(browser: Browser, served: Served) -> None:
    world, address = served
    context = await browser.new_context()
    page = await context.new_page()
    await page.route("**/live/**", lambda route: route.abort())
    await page.goto(f"{address}/preview/be/ada?to=/orders/{world.named['order_awaiting_payment']}")
    order = next(order for order in world.orders if order["id"] == world.named["order_awaiting_payment"])
    order["status"] = "under_review"
    await expect(page.get_by_text("A person is looking at this order")).to_be_visible(timeout=15_000)
    await context.close()


async def test_an_open_question_is_not_swapped_away(browser: Browser, served: Served) -> None:
    world, address = served
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{address}/preview/be/ada?to=/orders/{world.named['order_awaiting_payment']}")
    await page.get_by_role("button", name="Cancel order").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    await expect(page.get_by_role("button", name="Keep as it is")).to_be_focused()
    order = next(order for order in world.orders if order["id"] == world.named["order_awaiting_payment"])
    order["payment_problem"] = {"code": "card_declined", "message": "Your card was declined."}
    await expect(page.get_by_text("The payment did not go through")).to_be_visible(timeout=15_000)
    await expect(dialog).to_be_visible()
    await dialog.get_by_role("button", name="Cancel the order").click()
    await expect(page.get_by_text("The order is canceled. Nothing was charged.")).to_be_visible()
    await context.close()


@pytest.mark.parametrize("scripts", [True, False])
async def test_stopping_a_server_asks_first(browser: Browser, served: Served, scripts: bool) -> None:
    world, address = served
    context = await browser.new_context(java_script_enabled=scripts)
    page = await context.new_page()
    await page.goto(f"{address}/preview/be/ada?to=/services/{world.named['service_active']}")
    await page.get_by_role("button", name="Stop", exact=True).click()
    service = next(row for row in world.services if row["id"] == world.named["service_active"])
    assert not service["pending_action"]
    await page.get_by_role("button", name="Stop it").click()
    await expect(page.get_by_text("Stopping. The timeline shows when it is done.")).to_be_visible()
    assert service["pending_action"] == "stop"
    await context.close()


async def test_the_chosen_theme_is_remembered_without_a_flash(browser: Browser, served: Served) -> None:
    _, address = served
    context = await browser.new_context(color_scheme="light")
    page = await context.new_page()
    await page.goto(f"{address}/")
    await page.get_by_role("button", name="Use the dark theme").click()
    await page.goto(f"{address}/pricing")
    answer = await context.request.get(f"{address}/pricing")
    assert 'data-theme="dark"' in await answer.text()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(10, 13, 18)"
    await expect(page.get_by_role("button", name="Use the light theme")).to_be_visible()
    await context.close()


async def test_a_password_can_be_shown_and_is_judged_while_typing(browser: Browser, served: Served) -> None:
    _, address = served
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{address}/sign-up")
    field = page.get_by_label("Password", exact=True)
    await field.fill("short")
    await expect(page.get_by_text("Too easy to guess")).to_be_visible()
    await field.fill("four unrelated words here")
    await expect(page.get_by_text("Strong", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Show password").click()
    await expect(field).to_have_attribute("type", "text")
    await context.close()
