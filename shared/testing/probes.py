"""Waiting for something asynchronous without guessing how long it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")


async def eventually(
    probe: Callable[[], Awaitable[Found]], *, within: float = 60.0, every: float = 0.05, what: str = ""
) -> Found:
    """Calls `probe` until it returns something truthy, for at most `within` seconds; returns that.

    Raises AssertionError with the last value, or from the last exception, when it never does.
    """
    deadline = asyncio.get_running_loop().time() + within
    last: object = None
    while asyncio.get_running_loop().time() < deadline:
        try:
            value = await probe()
        except AssertionError as error:
            last = error
        else:
            if value:
                return value
            last = value
        await asyncio.sleep(every)
    raise AssertionError(f"{what or probe} did not come true within {within} s; last seen: {last!r}")
