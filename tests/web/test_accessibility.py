"""Every page, in a real browser: no axe violation, no broken policy, no sideways scrolling, no missing icon."""

import functools
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page

from tests.web.fake_data import World
from tests.web.pages_list import every_page

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


# What axe judges anew in the dark: nothing else depends on colours alone.
_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
_EVERYTHING = {"type": "tag", "values": RULES}
LOOKS: tuple[tuple[Literal["light", "dark"], int, dict[str, Any]], ...] = (
    ("light", 1440, _EVERYTHING),
    ("dark", 1440, _COLOURS),
    ("light", 390, _EVERYTHING),
)
WIDTHS = (320, 390, 768, 1024, 1440)


@pytest.mark.parametrize("who", [None, "ada", "neo", "many", "staff"])
async def test_every_page_can_be_used_by_everyone_at_any_width(
    browser: Browser, served: tuple[World, str], who: str | None
) -> None:
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
            found |= {f"{name}, {where}": said for where, said in (await _seen(page)).items() if said}
    await context.close()
    assert found == {}
    assert errors == []


async def _seen(page: Page) -> dict[str, list[str]]:
    """Where and what is wrong with the page that is shown."""
    await page.evaluate(_axe())
    found: dict[str, list[str]] = {}
    for theme, width, rules in LOOKS:
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await page.set_viewport_size({"width": width, "height": 900})
        found[f"{theme}, {width} wide"] = await _judged(page, rules)
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        found[f"{width} wide"] = await page.evaluate(_WIDER)
    found["anywhere"] = await _broken(page)
    return found


@functools.cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


async def _problems(page: Page) -> list[str]:
    await page.evaluate(_axe())
    return await _judged(page, _EVERYTHING) + await _broken(page)


async def _judged(page: Page, rules: dict[str, Any]) -> list[str]:
    """What axe says, which is on the page already."""
    result = await page.evaluate("(rules) => axe.run(document, { runOnly: rules, resultTypes: ['violations'] })", rules)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary'][:200]}"
        for violation in result["violations"]
        for node in violation["nodes"][:3]
    ]


async def _broken(page: Page) -> list[str]:
    """Policies that were broken, icons that are missing."""
    said = [f"policy: {broken}" for broken in await page.evaluate("window.broken")]
    return said + [f"icon: {icon}" for icon in await page.evaluate(_MISSING_ICONS)]


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
