"""A real browser buys a server, with and without JavaScript."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from shared.contracts.reads.catalog import PaymentProblem
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
    await expect(page.get_by_text("Your choices are kept")).to_be_visible()
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
    order = next(order for order in world.orders if order.customer.account_id == "acc_neo")
    assert (order.status, order.items[0].configuration["system"], order.items[0].interval) == (
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
    order = next(order for order in world.orders if order.id == world.named["order_awaiting_payment"])
    order.status = "under_review"
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
    order = next(order for order in world.orders if order.id == world.named["order_awaiting_payment"])
    order.payment_problem = PaymentProblem(code="card_declined", message="Your card was declined.")
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
    service = next(row for row in world.services if row.id == world.named["service_active"])
    assert service.state == "running"
    await page.get_by_role("button", name="Stop now").click()
    await expect(page.get_by_text("Stopping. The timeline shows when it is done.")).to_be_visible()
    assert service.pending_action == "stop"
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


async def test_the_total_follows_the_choices(browser: Browser, served: Served) -> None:
    _, address = served
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(f"{address}/buy/vps-s")
    await page.get_by_label("How many?").fill("3")
    bar = page.locator(".buy-bar")
    await expect(bar.get_by_text("€13.50")).to_be_visible()
    await page.get_by_label("Yearly").check()
    await expect(bar.get_by_text("€135.00")).to_be_visible()
    # On a phone it stays in sight wherever one scrolls.
    await page.evaluate("scrollTo(0, 0)")
    await expect(bar).to_be_in_viewport()
    await context.close()


async def test_a_question_keeps_the_focus_and_gives_it_back(browser: Browser, served: Served) -> None:
    world, address = served
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{address}/preview/be/ada?to=/services/{world.named['service_active']}")
    opener = page.get_by_role("button", name="Reboot", exact=True)
    await opener.click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_have_attribute("aria-modal", "true")
    for key in ["Tab"] * 4 + ["Shift+Tab"] * 4:
        await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.closest('dialog[open]') !== null"), key
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(opener).to_be_focused()
    await context.close()


async def test_a_banner_goes_away_when_what_it_says_is_over(browser: Browser, served: Served) -> None:
    world, address = served
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{address}/preview/be/ada?to=/services/{world.named['service_stopped']}")
    await page.get_by_role("button", name="Start", exact=True).click()
    banner = page.get_by_text("Starting. The timeline shows when it is done.")
    await expect(banner).to_be_visible()
    service = next(row for row in world.services if row.id == world.named["service_stopped"])
    service.state, service.power, service.pending_action = "running", "running", None
    await expect(page.locator(".service-line").get_by_text("Running")).to_be_visible(timeout=15_000)
    await expect(banner).to_be_hidden()
    await context.close()


async def test_times_are_told_in_one_way_with_the_exact_one_in_the_readers_zone(
    browser: Browser, served: Served
) -> None:
    world, address = served
    context = await browser.new_context(timezone_id="Asia/Tokyo", locale="de-DE")
    page = await context.new_page()
    await page.goto(f"{address}/preview/be/ada?to=/orders/{world.named['order_fulfilled']}")
    times = page.locator("time")
    assert await times.count() >= 3
    for index in range(await times.count()):
        assert re.fullmatch(r"just now|(in )?\d+ \w+( ago)?|yesterday|tomorrow|\d+ \w{3,4} \d{4}",
                            await times.nth(index).inner_text())  # fmt: skip
        assert "GMT+9" in (await times.nth(index).get_attribute("title") or "")
    await context.close()


async def test_parts_that_are_asked_for_are_there_for_readers_without_scripts_too(
    browser: Browser, served: Served
) -> None:
    world, address = served
    ticket = "failed.example.com could not be delivered"
    for scripts, ends_at in ((True, "/dashboard"), (False, "/dashboard/tickets")):
        context = await browser.new_context(java_script_enabled=scripts)
        page = await context.new_page()
        await page.goto(f"{address}/preview/be/ada?to=/dashboard")
        await page.get_by_role("link", name="Show recent tickets").press("Enter")
        await expect(page.get_by_role("link", name=ticket)).to_be_visible()
        await expect(page).to_have_url(f"{address}{ends_at}")
        if scripts:  # whoever reads by keyboard goes on where they were
            await expect(page.locator("[data-place]:focus").get_by_role("link", name=ticket)).to_be_visible()
            # What cannot be fetched in its place is said on a page of its own.
            world.away.add("billing")
            await page.get_by_role("link", name="Show recent invoices").click()
            await expect(page).to_have_url(f"{address}/dashboard/invoices")
            world.away.clear()
        await context.close()
