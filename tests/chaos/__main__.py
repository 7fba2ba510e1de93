"""`python -m tests.chaos`: break the running house on purpose, by a seed, and let an independent checker judge it.

Exits 0 when every promise held, 1 when one was broken (the seed, the orders' timelines and the logs are shown).
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.chaos.report import Outcome
from tests.chaos.run import RATE, Run


def _say(text: str) -> None:
    print(text, flush=True)


async def _run(chosen: argparse.Namespace) -> Outcome:
    running = asyncio.current_task()
    assert running is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    minutes = chosen.minutes or 10 + 3 * chosen.orders / RATE / 60
    return await Run(chosen.seed, chosen.orders, minutes=minutes, say=_say).go()


def main() -> int:
    """Reads the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--orders", type=int, default=int(os.environ.get("CHAOS_ORDERS") or 200))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("CHAOS_SEED") or 1))
    parser.add_argument("--minutes", type=float, default=0.0, help="the longest it may take; generous by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the outcome there")
    chosen = parser.parse_args()
    if chosen.orders < 1:
        parser.error("--orders must be at least 1")
    try:
        outcome = asyncio.run(_run(chosen))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("stopped before the end")
        return 130
    _say("\n".join(outcome.lines()))
    if chosen.json is not None:
        outcome.write(chosen.json)
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())
