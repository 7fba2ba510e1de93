"""Where a process of ours spends its CPU time, by whose code runs: sampled from outside with py-spy.

A sample belongs to the innermost frame that is in one of the groups; the standard library's time belongs to its caller.
Where py-spy may not attach (it needs ptrace) there is no profile, and the result says nothing about it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.lab import Lab
from bench.tools import peer_environment

# In this order: the first path fragment that is found in a frame decides.
_GROUPS = (
    ("site-packages/sqlalchemy/", "SQLAlchemy"),
    ("site-packages/asyncpg/", "asyncpg"),
    ("site-packages/aio_pika/", "aio-pika"),
    ("site-packages/aiormq/", "aio-pika"),
    ("site-packages/uvicorn/", "uvicorn"),
    ("site-packages/starlette/", "Starlette and FastAPI"),
    ("site-packages/fastapi/", "Starlette and FastAPI"),
    ("site-packages/structlog/", "logs, metrics, traces"),
    ("site-packages/opentelemetry/", "logs, metrics, traces"),
    ("site-packages/prometheus_client/", "logs, metrics, traces"),
    ("/shared/telemetry/", "logs, metrics, traces"),
    ("site-packages/pydantic/", "pydantic"),
    ("site-packages/stripe/", "Stripe's SDK"),
    ("site-packages/", "other libraries"),
    ("/shared/", "shared/"),
    ("/services/", "services/"),
)
_LOOP = "event loop and sockets"
_SAMPLES_PER_SECOND = 200


async def profile(lab: Lab, pid: int, seconds: float) -> dict[str, float]:
    """Shares (0..1) of the process's CPU time by group over the next `seconds`, largest first; empty without py-spy."""
    out = lab.directory / f"profile-{pid}.raw"
    process = await asyncio.create_subprocess_exec(
        str(peer_environment() / "bin" / "py-spy"), "record", "--pid", str(pid), "--duration", str(round(seconds)),
        "--rate", str(_SAMPLES_PER_SECOND), "--format", "raw", "--full-filenames", "--output", str(out),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await process.wait()
    return shares(_read(out))


def _read(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Shares by group from py-spy's raw format: `frame;frame;… count`, the innermost frame last."""
    counts: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        if "importlib" not in stack:  # a process that is still starting
            counts[_group(stack.split(";"))] += int(count)
    total = counts.total()
    return {group: count / total for group, count in counts.most_common()} if total else {}


def _group(frames: list[str]) -> str:
    for frame in reversed(frames):
        for fragment, group in _GROUPS:
            if fragment in frame and "site-packages/uvloop" not in frame:
                return group
        if "asyncio/runners.py" in frame or "/uvloop/" in frame:
            return _LOOP
    return _LOOP


def told(found: Mapping[str, float], whose: str) -> str:
    """In words, what takes at least a twentieth; empty without a profile."""
    if not found:
        return ""
    parts = [f"{group} {100 * share:.0f} %" for group, share in found.items() if share >= 0.05]
    return f"CPU time of {whose}: {', '.join(parts)}"
