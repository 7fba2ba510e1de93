"""Closed-loop load: wrk sends pre-signed deliveries over a fixed number of connections, as fast as it is answered."""

import asyncio
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.lab import Lab
from bench.payloads import EventMaker, write_requests
from bench.tools import wrk

_SCRIPT = Path(__file__).parent / "replay.lua"
_OUT_OF_REQUESTS = 3


@dataclass(frozen=True, slots=True)
class Load:
    """What a round of load showed: latencies in milliseconds; acknowledged means answered 200."""

    acknowledged: int
    refused: int
    broken: int
    seconds: float
    p50: float
    p99: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Acknowledged deliveries per second."""
        return self.acknowledged / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU time per acknowledged delivery, of every process that was counted."""
        return 1000 * self.cpu_seconds / max(1, self.acknowledged)


async def replay(
    lab: Lab, port: int, events: EventMaker, secret: str, *, connections: int, seconds: float, expected: int,
    counted: Iterable[int],
) -> Load:  # fmt: skip
    """One round. `expected` deliveries per second are prepared, more when that was too few; `counted` are the
    processes whose CPU time is told."""
    pids = list(counted)
    count = int(expected * seconds)
    while True:
        requests = lab.memory / "requests"
        await asyncio.to_thread(write_requests, requests, events.deliveries(count, secret))
        before = lab.cpu(pids)
        process = await asyncio.create_subprocess_exec(
            wrk(), "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", "--timeout", "20s", "-s", str(_SCRIPT),
            f"http://127.0.0.1:{port}/webhooks/stripe",
            env=dict(os.environ) | {"REQUESTS": str(requests)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate()
        used = lab.cpu(pids) - before
        requests.unlink()
        if process.returncode != _OUT_OF_REQUESTS:
            break
        count *= 2
    if process.returncode != 0:
        raise RuntimeError(f"wrk failed: {out.decode()}{errors.decode()}")
    said = json.loads(next(line for line in out.decode().splitlines() if line.startswith("{")))
    return Load(
        acknowledged=said["requests"] - said["refused"],
        refused=said["refused"],
        broken=said["broken"],
        seconds=said["seconds"],
        p50=said["p50"],
        p99=said["p99"],
        cpu_seconds=used,
    )
