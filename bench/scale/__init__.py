"""P10: lists, searches, counters, claims and clock jobs at 10 thousand, 100 thousand and a million orders.

Against themselves: what somebody waits for must not take longer because the house has been in business for longer.
Each size is a database of its own in the same server; the services run in this process, asked through their real apps
with real tokens, or through the functions that consumers, workers and the clock call. Nothing is changed meanwhile.
"""

from contextlib import AsyncExitStack

from bench.lab import Lab
from bench.measure import Measure, reaches
from bench.scale.loader import load, size_of
from bench.scale.measuring import Times, growth, interleaved, p95, plans_of
from bench.scale.reads import Read, all_reads
from bench.scale.world import World, enter, seed
from shared.telemetry.logs import configure_logging

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (3_000, 5_000, 10_000)
MOST_GROWTH = 1.25
_CALLS = 100  # of each read in one round
_WORST = 10


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """The growth of the read that grows most; every read's figures are in the details."""
    sizes, calls = (QUICK_SIZES, 5) if lab.quick else (SIZES, _CALLS * max(2, rounds))
    async with AsyncExitStack() as leaving:
        # Requests are logged as in production, to a file.
        log = leaving.enter_context((lab.directory / "scale.log").open("w"))
        configure_logging("INFO", file=log)
        leaving.callback(configure_logging, "WARNING")
        worlds = [await _world(lab, size, leaving) for size in sizes]
        times: dict[Read, Times] = {}
        await interleaved(worlds, all_reads(), calls, times, lab.say)
        growing = [read for read in _growing(times) if read.bounded]
        if growing and not lab.quick:
            lab.say(f"{len(growing)} reads seem to grow: as many calls of these again")
            await interleaved(worlds, growing, calls, times, lab.say)
        bounded = [] if lab.quick else [read for read in _growing(times) if read.bounded]
        for read in bounded[:_WORST]:
            lab.say(f"{read.service}: {read.name} grows; its plans at {worlds[-1].size:,} orders:")
            print("\n\n".join(await plans_of(worlds[-1], read)), flush=True)
    return [_measure(times, sizes, calls)]


async def _world(lab: Lab, size: int, leaving: AsyncExitStack) -> World:
    shop = await lab.product(f"scale_{size}")
    await seed(shop.environment)
    await load(shop.admin_url, size, lab.say)
    lab.say(f"{size:,} orders take {await size_of(shop.admin_url) / 1e9:.2f} GB")
    world = await enter(shop.environment, shop.admin_url, size)
    leaving.push_async_callback(lab.database, f"scale_{size}")  # an empty one in its place: the disk is free again
    leaving.push_async_callback(world.close)
    return world


def _growing(times: dict[Read, Times]) -> list[Read]:
    """The reads beyond the goal, the worst first."""
    return sorted((read for read in times if growth(times[read]) > MOST_GROWTH), key=lambda read: -growth(times[read]))


def _measure(times: dict[Read, Times], sizes: tuple[int, ...], calls: int) -> Measure:
    bounded = {read: taken for read, taken in times.items() if read.bounded}
    ranked = sorted(bounded, key=lambda read: -growth(bounded[read]))
    worst = ranked[0]
    ratio = growth(bounded[worst])
    growing = [read for read in ranked if growth(bounded[read]) > MOST_GROWTH]
    listed = "; ".join(f"{read.service}: {read.name} {growth(times[read]):.2f}" for read in ranked[:_WORST])
    return Measure(
        "P10",
        f"p95 of the read that grows most, of {len(ranked)}: {worst.service}: {worst.name}",
        f"the same at {sizes[0]:,} orders",
        "ms",
        p95(bounded[worst][sizes[-1]]),
        p95(bounded[worst][sizes[0]]),
        ratio,
        MOST_GROWTH,
        reaches(ratio, MOST_GROWTH, at_most=True),
        {
            "sizes": list(sizes),
            "calls": calls,
            "beyond the goal": len(growing),
            "p95 ms by size": {
                f"{read.service}: {read.name}": [p95(taken[size]) for size in sizes] for read, taken in times.items()
            },
        },
        f"The worst, as p95 at {sizes[-1]:,} over p95 at {sizes[0]:,}: {listed}. The promises compare a window of "
        "time, so they grow with what happens in it; each is cut off after two seconds.",
        at_most=True,
    )
