"""Other people's processes: who is whose child, and how to send a signal to many (Linux)."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path


def signal_all(pids: Sequence[int], number: int) -> int:
    """Sends a signal to processes that may be gone by now; says how many got it."""
    reached = 0
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            reached += 1
    return reached


def children_of(parent: int) -> list[int]:
    """The process ids of a process's direct children."""
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(entry.name))
    return sorted(found)
