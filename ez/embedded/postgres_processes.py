"""Server processes left behind: found by the cluster they serve, ended before another server may start.

A postmaster whose starter was killed normally ends by itself (see ``postgres``). After kill -9 of the
postmaster its backends live on for a moment, attached to the shared memory; a second server on the same files
would then destroy them, so we wait until every process of the cluster is gone. Linux only (``/proc``);
elsewhere PostgreSQL's own lock file is the guard.
"""

import contextlib
import os
import re
import signal
import time
from pathlib import Path

from .postgres_account import ServerAccount

_PROC = Path("/proc")
_WORKING_DIRECTORY = re.compile(r"/proc/(\d+)/cwd -> (.*)$", re.MULTILINE)
_STEPS: tuple[tuple[signal.Signals, float], ...] = (
    (signal.SIGINT, 20.0),  # fast shutdown: roll back, checkpoint, leave
    (signal.SIGQUIT, 5.0),  # immediate shutdown: recovery replays the log at the next start
    (signal.SIGKILL, 5.0),
)


def end_leftovers(cluster: Path, account: ServerAccount) -> bool:
    """End every process that serves ``cluster`` and remove the lock file they left; True when there were any.

    Only the holder of the owner's lock may call this: nobody else can then be starting a server there.
    Raises TimeoutError when one of them cannot be ended.
    """
    lock_file = cluster / "postmaster.pid"
    if not lock_file.exists() or not _PROC.is_dir():
        return False
    found = remaining = _processes_of(cluster, account)
    postmaster = _postmaster_pid(lock_file)
    for step, patience in _STEPS:
        if not remaining:
            break
        # Backends follow their postmaster; only when it is gone are they told themselves.
        targets = [postmaster] if postmaster in remaining and step is not signal.SIGKILL else remaining
        for pid in targets:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, step)
        remaining = _left_after(patience, cluster, account)
    if remaining:
        raise TimeoutError(f"PostgreSQL processes on {cluster} do not end: {remaining}")
    # Its pid may by now be a zombie's or an unrelated process's, which PostgreSQL would take for a server.
    lock_file.unlink(missing_ok=True)
    return bool(found)


def _left_after(patience: float, cluster: Path, account: ServerAccount) -> list[int]:
    deadline = time.monotonic() + patience
    while (remaining := _processes_of(cluster, account)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return remaining


def _postmaster_pid(lock_file: Path) -> int:
    try:
        return int(lock_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _processes_of(cluster: Path, account: ServerAccount) -> list[int]:
    """Every process of the server: each one's working directory is the cluster.

    Asked as the server's own account: in a container root may not read another user's ``/proc/*/cwd``
    (it lacks CAP_SYS_PTRACE), but the same user may.
    """
    _, listing = account.run(["/bin/sh", "-c", "exec ls -ld /proc/[0-9]*/cwd 2>/dev/null"])
    serving = (int(pid) for pid, directory in _WORKING_DIRECTORY.findall(listing) if directory == str(cluster))
    return [pid for pid in serving if _is_postgres(pid)]


def _is_postgres(pid: int) -> bool:
    try:
        return (_PROC / str(pid) / "comm").read_text().strip() == "postgres"
    except OSError:
        return False  # it has just ended
