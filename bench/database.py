"""The administrator's way into a database of the lab: to prepare rounds and to count what they left."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg


async def execute(url: str, *statements: str) -> None:
    """Runs statements one by one, each in a transaction of its own."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def value(url: str, query: str, *arguments: Any) -> Any:
    """The first column of the first row."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


async def rows(url: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
    """Every row."""
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query, *arguments))
    finally:
        await connection.close()


async def until_none(url: str, query: str, what: str, *, patience: float = 240.0, left: int = 0) -> None:
    """Waits until a query that counts what is left says `left`, over one connection and rarely enough not to be felt.

    Raises TimeoutError.
    """
    await _until(url, query, lambda found: found == left, what, patience)


async def until_some(url: str, query: str, what: str, *, patience: float = 60.0) -> None:
    """Waits until a query that counts what is done finds any. Raises TimeoutError."""
    await _until(url, query, lambda found: found > 0, what, patience)


async def _until(url: str, query: str, enough: Callable[[int], bool], what: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    connection = await asyncpg.connect(url)
    try:
        while not enough(found := await connection.fetchval(query)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: still {found} after {patience:.0f} s")
            await asyncio.sleep(0.25)
    finally:
        await connection.close()
