"""A running instance and one Chromium for all tests in this folder."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.support.browser import chromium
from tests.support.embedded import embedded

__all__ = ["embedded"]


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium."""
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    yield context
    await context.close()


@pytest_asyncio.fixture
async def page(context: BrowserContext) -> Page:
    """A fresh tab."""
    return await context.new_page()
