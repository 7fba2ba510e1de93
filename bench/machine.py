"""Where and with what a run was measured: a ratio means little without it."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.lab import Lab, memory_mib
from bench.tools import versions
from ez.embedded.postgres_binaries import find_binaries


def describe(lab: Lab, rounds: int, peer: Path | None) -> dict[str, Any]:
    """The machine, versions and settings of this run; the peer's versions when its environment is there."""
    ours = versions("uvicorn", "uvloop", "httptools", "asyncpg", "sqlalchemy", "aio-pika")
    found: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{_processor()}, {os.cpu_count()} cores, {memory_mib() / 1024:.0f} GiB, Linux {platform.release()}",
        "rounds": rounds,
        "Python": platform.python_version(),
        "PostgreSQL": f"{find_binaries().version}; fsync, full_page_writes and synchronous_commit on; "
        f"a quarter of the memory for shared_buffers, large values compressed with {'lz4' if lab.lz4 else 'pglz'}; "
        "otherwise its defaults",
        "RabbitMQ": f"{_rabbitmq()}, one node, quorum queues",
        "ours": ours,
    }
    if peer is not None:
        found["peer"] = versions("django", "gunicorn", "celery", "psycopg", "stripe", environment=peer)
    found["load on the machine at the end"] = f"{os.getloadavg()[0]:.1f}"
    if lab.quick:
        found["warning"] = "a quick run, to see that everything works: its figures mean nothing"
    return found


def _processor() -> str:
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return names[0] if names else platform.machine()


def _rabbitmq() -> str:
    found = sorted(path.name.rpartition("-")[2] for path in Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    return found[-1] if found else "version unknown"
