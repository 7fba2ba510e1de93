"""Every page, in a real browser: no axe violation, no broken policy, no sideways scrolling, no missing icon."""

import functools
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page

from tests.web.fake_data import World
from tests.web.pages_list import every_page

# A walk over thirty pages takes a minute on a busy two-core machine.
pytestmark = [pytest.mark.e2e]
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_WATCH = """
window.broken = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.broken.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""
# What sticks out to the right, innermost last; nothing where the page does not scroll.
_WIDER = """() => {
  const seen = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= seen) return [];
  const wide = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > seen + 1)
    .map((one) => `${one.tagName}.${one.className}`.slice(0, 60)).slice(-4);
  return ['scrolls sideways', ...wide]; // a pseudo-element is in no list
}"""
_MISSING_ICONS = """async () => {
  const uses = [...document.querySelectorAll('use')].map((use) => use.getAttribute('href'));
  if (!uses.length) return [];
  const sprite = new DOMParser().parseFromString(await (await fetch(uses[0].split('#')[0])).text(), 'image/svg+xml');
  return [...new Set(uses)].filter((href) => !sprite.getElementById(href.split('#')[1]));
}"""


LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 1440), ("dark", 1440), ("light", 390))


@pytest.mark.parametrize("who", [None, "ada", "neo", "many", "staff"])
async def test_every_page_can_be_used_by_everyone(browser: Browser, served: tuple[World, str], who: str | None) -> None:
    world, address = served
    context = await browser.new_context(reduced_motion="reduce")
    await context.add_init_script(_WATCH)
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    if who:
        await page.goto(f"{address}/preview/be/{who}?to=/pricing")
    found: dict[str, Any] = {}
    for name, owner, path, _ in every_page(world):
        if owner == who:
            await page.goto(address + path)
            await page.evaluate(_axe())
            for theme, width in LOOKS:
                await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                await page.set_viewport_size({"width": width, "height": 900})
                if problems := await _judged(page):
                    found[f"{name}, {theme}, {width} wide"] = problems
    await context.close()
    assert found == {}
    assert errors == []


@functools.cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


async def _problems(page: Page) -> list[str]:
    await page.evaluate(_axe())
    return await _judged(page)


async def _judged(page: Page) -> list[str]:
    """What axe, the policy, the icons and the width say; axe is on the page already."""
    result = await page.evaluate("(tags) => axe.run(document, { runOnly: { type: 'tag', values: tags } })", RULES)
    said = [
        f"{violation['id']}: {node['target']} {node['failureSummary'][:200]}"
        for violation in result["violations"]
        for node in violation["nodes"][:3]
    ]
    said += [f"policy: {broken}" for broken in await page.evaluate("window.broken")]
    said += [f"icon: {icon}" for icon in await page.evaluate(_MISSING_ICONS)]
    return said


@pytest.mark.parametrize("who", [None, "ada", "many", "staff"])
async def test_no_page_scrolls_sideways_at_any_width(
    browser: Browser, served: tuple[World, str], who: str | None
) -> None:
    world, address = served
    context = await browser.new_context(reduced_motion="reduce")
    page = await context.new_page()
    if who:
        await page.goto(f"{address}/preview/be/{who}?to=/pricing")
    found = {}
    for name, owner, path, _ in every_page(world):
        if owner == who:
            await page.goto(address + path)
            for width in (320, 390, 768, 1024, 1440):
                await page.set_viewport_size({"width": width, "height": 900})
                wide = await page.evaluate(_WIDER)
                if wide:
                    found[f"{name} at {width}"] = wide
    await context.close()
    assert not found, "\n".join(f"{where}: {what}" for where, what in found.items())


async def test_forms_with_errors_can_be_used_by_everyone(browser: Browser, served: tuple[World, str]) -> None:
    _, address = served
    context = await browser.new_context(reduced_motion="reduce")
    page = await context.new_page()
    await context.add_init_script(_WATCH)
    await page.goto(f"{address}/sign-up")
    await page.get_by_label("Your name").fill("Eve")
    await page.get_by_label("E-mail address").fill("eve@example.com")
    await page.get_by_label("Password", exact=True).fill("short")
    await page.get_by_role("button", name="Create account").click()
    await page.wait_for_selector("#password-error")
    assert await page.evaluate("document.activeElement.id") == "password"
    assert await _problems(page) == []
    await page.goto(f"{address}/preview/be/ada?to=/orders/")
    await context.close()


async def test_the_menu_on_a_phone_can_be_used_by_everyone(browser: Browser, served: tuple[World, str]) -> None:
    _, address = served
    context = await browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    await context.add_init_script(_WATCH)
    page = await context.new_page()
    await page.goto(f"{address}/preview/be/ada?to=/dashboard")
    await page.get_by_text("Menu", exact=True).click()
    assert await _problems(page) == []
    await page.get_by_role("link", name="Invoices", exact=True).click()
    await page.wait_for_url("**/invoices")
    await context.close()
