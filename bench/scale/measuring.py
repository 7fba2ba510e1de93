"""Timing reads in turn over worlds of several sizes, and the plans behind those that grow."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg
from sqlalchemy import event

from bench.measure import percentile
from bench.scale.reads import Read
from bench.scale.world import World

_WARMING = 8  # PostgreSQL looks at five custom plans before it settles on a plan for a prepared statement

Times = dict[int, list[float]]


async def interleaved(
    worlds: Sequence[World], reads: Sequence[Read], calls: int, times: dict[Read, Times], say: Callable[[str], None]
) -> None:
    """Adds seconds per call to `times`, for every read and size, `calls` of each (a quarter of that for sizes between
    the smallest and the largest, a tenth for reads that may grow). A machine's moods hit all sizes alike: their calls
    take turns.
    """
    for read in reads:
        times.setdefault(read, {world.size: [] for world in worlds})
        for _ in range(_WARMING if read.bounded else 1):
            for world in worlds:
                await read.call(world)
    bounded = [read for read in reads if read.bounded]
    for number in range(calls):
        turn = [world for world in worlds if world in (worlds[0], worlds[-1]) or number % 4 == 0]
        turn = turn[number % len(turn) :] + turn[: number % len(turn)]
        for read in reads if number % 10 == 0 else bounded:
            for world in turn:
                began = time.perf_counter()
                await read.call(world)
                times[read][world.size].append(time.perf_counter() - began)
        if (number + 1) % max(1, calls // 4) == 0:
            say(f"{number + 1} of {calls} calls of each of {len(reads)} reads")


def p95(times: Sequence[float]) -> float:
    """The 95th percentile, in milliseconds."""
    return percentile(times, 0.95) * 1000


async def plans_of(world: World, read: Read) -> list[str]:
    """Every statement of one call with its plan, as executed: EXPLAIN (ANALYZE, BUFFERS)."""
    statements = await statements_of(world, read)
    connection = await asyncpg.connect(world.admin_url, server_settings={"search_path": read.service})
    try:
        texts = []
        for statement, parameters in statements:
            transaction = connection.transaction()
            await transaction.start()
            try:
                rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", *parameters)
                texts.append("\n".join([statement, *(row[0] for row in rows)]))
            finally:
                await transaction.rollback()
        return texts
    finally:
        await connection.close()


async def statements_of(world: World, read: Read) -> list[tuple[str, tuple[Any, ...]]]:
    """The statements that one call sends, with their parameters."""
    engine = world.services[read.service].database.engine.sync_engine
    seen: list[tuple[str, tuple[Any, ...]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if not many and statement.lstrip().split()[0] in ("SELECT", "WITH", "UPDATE", "DELETE"):
            seen.append((statement, tuple(parameters)))

    event.listen(engine, "before_cursor_execute", note)
    try:
        await read.call(world)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return seen


def growth(taken: Mapping[int, Sequence[float]]) -> float:
    """The p95 at the largest size over that at the smallest."""
    return p95(taken[max(taken)]) / p95(taken[min(taken)])
