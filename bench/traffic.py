"""Sends webhooks from a process of its own and waits until it is done."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from bench.lab import ROOT


async def open_loop(
    out: Path, port: int, secret: str, *, rate: float, seconds: float, run: str, payers: int = 0
) -> dict[str, Any]:
    """Deliveries at a rate; what the sender said about them. `out` then tells what was sent."""
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.open_loop", "--port", str(port), "--rate", str(rate), "--seconds", str(seconds),
        "--run", run, "--payers", str(payers), "--out", str(out),
        cwd=ROOT, env={"OPEN_LOOP_SECRET": secret, "PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await sender.communicate()
    if sender.returncode != 0:
        raise RuntimeError(f"the sender failed with {sender.returncode}")
    found: dict[str, Any] = json.loads(said)
    return found
