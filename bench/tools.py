"""What the bench needs beyond the product's own environment: wrk, and the peer's Python environment."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ez.embedded.postgres_binaries import OLDEST_SUPPORTED_MAJOR

_ROOT = Path(__file__).parents[1]
_ENVIRONMENT = _ROOT / ".venv-bench"
_LOCK = _ROOT / "requirements" / "bench.txt"
_STAMP = _ENVIRONMENT / "installed.sha256"


class Missing(Exception):
    """A program the bench cannot do without is not installed; the message says how to get it, in one line."""


def wrk() -> str:
    """The load generator. Raises Missing."""
    found = shutil.which("wrk")
    if found is None:
        raise Missing("wrk is not installed: apt install wrk (https://github.com/wg/wrk)")
    return found


def check_rabbitmq() -> None:
    """Raises Missing where no RabbitMQ server is installed."""
    if not (shutil.which("rabbitmq-server") or Path("/usr/lib/rabbitmq").exists()):
        raise Missing("RabbitMQ is not installed: apt install rabbitmq-server")


def prefer_installed_postgresql() -> None:
    """Measures on an installed PostgreSQL where there is one, as production would run: the wheel's knows no lz4."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    newest = max(found, key=lambda path: int(path.parent.name), default=None)
    if newest is not None and int(newest.parent.name) >= OLDEST_SUPPORTED_MAJOR:
        os.environ.setdefault("EZ_PG_BINDIR", str(newest))


def peer_environment() -> Path:
    """The peer's environment, made from its hash-pinned lock when it is missing or the lock has changed."""
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    (_ROOT / ".cache").mkdir(exist_ok=True)
    with (_ROOT / ".cache" / "venv-bench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _STAMP.exists() or _STAMP.read_text() != wanted:
            uv = Path(sys.executable).parent / "uv"
            python = str(_ENVIRONMENT / "bin" / "python")
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, _ENVIRONMENT], check=True)
            subprocess.run(
                [uv, "pip", "sync", "--quiet", "--system-certs", "--require-hashes", "--python", python, _LOCK],
                check=True,
            )
            _STAMP.write_text(wanted)
    return _ENVIRONMENT


def versions(*packages: str, environment: Path | None = None) -> dict[str, str]:
    """Which versions of these packages an environment has (the product's own unless another is given)."""
    python = sys.executable if environment is None else str(environment / "bin" / "python")
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    said = subprocess.run([python, "-c", code, *packages], check=True, capture_output=True, text=True, timeout=30)
    return dict(zip(packages, said.stdout.split(), strict=True))
