"""Other people's processes: who is whose child, where they listen, how to send a signal to many (Linux)."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

_LISTEN = "0A"  # TCP_LISTEN in the kernel's include/net/tcp_states.h


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


def listening_ports(root: int) -> set[tuple[str, int]]:
    """The addresses and ports where a process and everything it started listen."""
    family, waiting = {root}, [root]
    while waiting:
        new = set(children_of(waiting.pop())) - family
        family |= new
        waiting += new
    sockets: set[str] = set()
    for pid in family:
        for entry in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                target = str(entry.readlink())
                sockets |= {target[8:-1]} if target.startswith("socket:[") else set()
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and fields[9] in sockets:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found
