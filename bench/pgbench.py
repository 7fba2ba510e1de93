"""What PostgreSQL itself can do: pgbench runs the same statements without any of our code."""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from bench.lab import Lab

_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


async def pgbench(
    lab: Lab, url: str, script: str, *, clients: int, seconds: float, variables: Mapping[str, str] | None = None
) -> float:
    """Transactions per second of a script, prepared statements, one thread. Raises RuntimeError when any failed."""
    file = lab.directory / "script.sql"
    file.write_text(script)
    parts = urlsplit(url)
    command = [str(lab.pg_bin / "pgbench"), "-n", "-M", "prepared", "-f", str(file)]
    command += ["-c", str(clients), "-j", "1", "-T", f"{seconds:.0f}"]
    for name, value in (variables or {}).items():
        command += ["-D", f"{name}={value}"]
    command += ["-h", str(parts.hostname), "-p", str(parts.port), "-U", unquote(parts.username or "")]
    process = await asyncio.create_subprocess_exec(
        *command, parts.path.lstrip("/"),
        env={"PGPASSWORD": unquote(parts.password or ""), "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    rate = _RATE.search(out.decode())
    if process.returncode != 0 or rate is None:
        raise RuntimeError(f"pgbench failed:\n{out.decode()[-2000:]}")
    return float(rate[1])
