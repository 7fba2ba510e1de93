"""Processes of a benchmark: started with a log, counted with all their children, ended by us alone."""

import contextlib
import os
import subprocess
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat after the command's closing parenthesis: the parent, then own and waited-for children's time.
_PARENT, _TIMES = 1, slice(11, 15)


@dataclass(frozen=True, slots=True)
class Process:
    """A program under measurement and where it writes."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.popen.pid

    def tail(self) -> str:
        """The end of its log, for a message about its failure."""
        return self.log.read_text(errors="replace")[-2000:]


def start(name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path, log: Path) -> Process:
    """Starts a program; both its outputs go to the log."""
    with log.open("ab") as output:
        popen = subprocess.Popen(
            list(command), cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    return Process(name, popen, log)


def end(processes: Iterable[Process], patience: float = 15.0) -> None:
    """Asks them to stop, all at once, and kills those that do not within `patience` seconds."""
    chosen = [process for process in processes if process.popen.poll() is None]
    for process in chosen:
        process.popen.terminate()
    for process in chosen:
        try:
            process.popen.wait(patience)
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and everything below them, children that have ended included."""
    children: dict[int, list[int]] = {}
    used: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):  # it has just ended
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[_PARENT]), []).append(int(entry.name))
            used[int(entry.name)] = sum(int(ticks) for ticks in fields[_TIMES])
    waiting, seen = list(pids), set()
    while waiting:
        pid = waiting.pop()
        if pid not in seen:
            seen.add(pid)
            waiting.extend(children.get(pid, ()))
    return sum(used.get(pid, 0) for pid in seen) / _TICKS


def resident_bytes(pids: Iterable[int]) -> int:
    """Memory these processes (not their children) hold alone or share: their proportional set size."""
    total = 0
    for pid in pids:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def answers(url: str) -> bool:
    """Whether a GET is answered with 200 within two seconds."""
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False
