"""Pictures of every page: `python -m tests.web.screenshots DIRECTORY [NAME ...]`, at three widths in both themes."""

import argparse
import asyncio
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser

from tests.support.browser import chromium
from tests.web.fake_data import World
from tests.web.pages_list import Shot, every_page
from tests.web.serving import running_preview

WIDTHS = {1440: 900, 768: 1024, 390: 844}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def save_all(
    directory: Path, world: World, address: str, only: list[str], widths: list[int], themes: list[str]
) -> int:
    shots = [shot for shot in every_page(world) if not only or shot[0] in only]
    saved = 0
    async with chromium() as browser:
        for theme in THEMES:
            for width in WIDTHS:
                if theme in themes and width in widths:
                    saved += await _save(directory, browser, address, shots, theme, width)
    return saved


async def _save(
    directory: Path, browser: Browser, address: str, shots: list[Shot], theme: Literal["light", "dark"], width: int
) -> int:
    for who in {shot[1] for shot in shots}:
        context = await browser.new_context(
            viewport={"width": width, "height": WIDTHS[width]}, color_scheme=theme, reduced_motion="reduce"
        )
        page = await context.new_page()
        if who:
            await page.goto(f"{address}/preview/be/{who}?to=/pricing")
        for name, owner, path, status in shots:
            if owner != who:
                continue
            response = await page.goto(address + path, wait_until="load")
            assert response, path
            assert response.status == status, (path, response.status)
            await page.screenshot(path=directory / f"{name}-{width}-{theme}.png", full_page=True)
        await context.close()
    return len(shots)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--width", type=int, action="append", choices=list(WIDTHS))
    parser.add_argument("--theme", action="append", choices=THEMES)
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    with running_preview() as (world, address):
        count = asyncio.run(
            save_all(
                given.directory, world, address, given.names, given.width or list(WIDTHS), given.theme or list(THEMES)
            )
        )
    print(f"{count} pictures in {given.directory}")


if __name__ == "__main__":
    main()
