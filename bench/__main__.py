"""`python -m bench [P1 P4 …]`: runs the benchmarks and writes RESULTS.md and results.json.

All of them run in one laboratory, one after the other; each interleaves its rounds of ours, the peer and the limit.
"""

import argparse
import asyncio
import importlib
import re
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench import results, tools
from bench.lab import Lab, Measure
from bench.machine import describe

# P2 is measured with P1, on the same rounds.
BENCHMARKS = {
    "P1": "bench.p01_intake",
    "P3": "bench.p03_open_loop",
    "P4": "bench.p04_processing",
    "P5": "bench.p05_relay",
    "P6": "bench.p06_consumer",
    "P8": "bench.p08_paid_to_active",
    "P9": "bench.p09_backlog",
    "P10": "bench.scale",
    "P11": "bench.footprint",
}
_SAME_RUN = {"P2": "P1"}
_LONGEST = 900.0  # seconds for one benchmark


def chosen(names: Sequence[str]) -> list[str]:
    """The benchmarks behind these names, in their order; all of them for none. Raises ValueError for an unknown one."""
    wanted = {_SAME_RUN.get(name.upper(), name.upper()) for name in names} or set(BENCHMARKS)
    unknown = sorted(wanted - set(BENCHMARKS))
    if unknown:
        raise ValueError(f"no such benchmark: {', '.join(unknown)} (there are {', '.join(BENCHMARKS)})")
    return [name for name in BENCHMARKS if name in wanted]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="P1", help=f"which ({', '.join(BENCHMARKS)}); default: all")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of each; medians are quoted (default: 2)")
    parser.add_argument(
        "--quick", action="store_true", help="rounds of a second: shows that it works, measures nothing"
    )
    parser.add_argument("--merge", action="store_true", help="keep the earlier results of what is not measured now")
    return parser.parse_args()


async def _run_all(names: Sequence[str], rounds: int, lab: Lab) -> tuple[list[Measure], list[str]]:
    measures: list[Measure] = []
    failed: list[str] = []
    for name in names:
        began = time.monotonic()
        lab.say(f"{name} begins")
        try:
            async with asyncio.timeout(_LONGEST):
                found = await importlib.import_module(BENCHMARKS[name]).run(lab, rounds)
        except Exception:  # noqa: BLE001 - one benchmark that fails must not cost the others' results
            traceback.print_exc()
            failed.append(name)
        else:
            measures += found
            for measure in found:
                verdict = "met" if measure.met else "missed"
                lab.say(f"{measure.id}: ratio {measure.ratio:.3g}, goal {measure.goal:g}: {verdict}")
        lab.say(f"{name} took {time.monotonic() - began:.0f} s")
        await lab.stop_all()
    return measures, failed


async def _bench(names: Sequence[str], rounds: int, *, quick: bool, keep: bool) -> int:
    peer = tools.peer_environment()
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)  # what was started is ended first
    with tempfile.TemporaryDirectory(prefix="ez-bench-", ignore_cleanup_errors=True) as directory:
        async with Lab(Path(directory), quick=quick) as lab:
            measures, failed = await _run_all(names, rounds, lab)
            run = describe(lab, rounds, peer)
    found = results.merge(results.load() if keep else {}, measures, run)
    if quick:
        print(results.render(found))
    else:
        results.save(found)
        print(f"\n{results.MARKDOWN.read_text()}\nWritten to {results.MARKDOWN} and {results.JSON}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def main() -> int:
    """The exit code says whether everything could be measured, not whether every goal is met."""
    arguments = _arguments()
    try:
        names = chosen(arguments.names)
        tools.wrk()
        tools.check_rabbitmq()
        tools.prefer_installed_postgresql()
    except (ValueError, tools.Missing) as error:
        print(re.sub(r"\s+", " ", str(error)), file=sys.stderr)
        return 2
    rounds = 1 if arguments.quick else arguments.rounds
    return uvloop.run(_bench(names, rounds, quick=arguments.quick, keep=arguments.merge))


if __name__ == "__main__":
    sys.exit(main())
