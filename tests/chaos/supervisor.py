"""Keeps processes running the way a container platform does: what dies is started again a moment later."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.support.launching import Process

_LOOK = 0.1
RESTART_AFTER = (0.2, 2.0)


class Runner(Protocol):
    """Whoever starts processes by name (tests/support/distributed.py)."""

    processes: dict[str, Process]

    def run(self, name: str, **extra: str) -> Process:
        """Starts one process; `extra` goes into its environment."""
        ...


class Supervisor:
    """Watches named processes. `deaths` counts each name's ends, `crashed_at` each crash point that was reached."""

    def __init__(
        self, runner: Runner, names: Sequence[str], seed: int, note: Callable[[str], None] = lambda _what: None
    ) -> None:
        self._runner = runner
        self._note = note
        self._names = tuple(names)
        self._random = random.Random(f"restarts {seed}")
        self._due: dict[str, float] = {}
        self._armed: dict[str, str] = {}
        self._arming: dict[str, str] = {}
        self._killed: set[str] = set()
        self._stopped: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self.deaths: Counter[str] = Counter()
        self.crashed_at: Counter[str] = Counter()
        self.uncalled: list[str] = []

    def start(self) -> None:
        """Begins to watch."""
        self._task = asyncio.create_task(self._watch(), name="supervisor")

    async def stop(self) -> None:
        """Lets everybody run and stops watching; dead processes stay dead."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        for name in list(self._stopped):
            self.resume(name)

    async def _watch(self) -> None:
        while True:
            self.look(time.monotonic())
            await asyncio.sleep(_LOOK)

    def look(self, now: float) -> None:
        """Notices who has died, and starts who has been dead for long enough."""
        for name in self._names:
            process = self._runner.processes[name]
            code = process.poll()
            if code is None:
                continue
            if name not in self._due:
                self._mourn(name, code)
                self._due[name] = now + self._random.uniform(*RESTART_AFTER)
            elif now >= self._due[name]:
                del self._due[name]
                self._start(name)

    def _mourn(self, name: str, code: int) -> None:
        self.deaths[name] += 1
        self._stopped.discard(name)
        at = f" at {self._armed[name]}" if name in self._armed and name not in self._killed else ""
        self._note(f"{name} died{at}")
        if name in self._killed:
            self._killed.discard(name)
        elif code == -signal.SIGKILL and name in self._armed:
            self.crashed_at[self._armed[name]] += 1
        else:
            self.uncalled.append(f"{name} ended by itself with code {code}")
        self._armed.pop(name, None)

    def _start(self, name: str) -> None:
        point = self._arming.pop(name, None)
        self._note(f"{name} starts" + (f", armed for {point}" if point else ""))
        if point is None:
            self._runner.run(name)
            return
        self._armed[name] = point
        self._runner.run(name, EZ_CRASH_AT=point)

    def kill(self, name: str) -> bool:
        """SIGKILL. False when the process is dead already."""
        process = self._runner.processes[name]
        if process.poll() is not None:
            return False
        self._killed.add(name)
        process.kill()
        return True

    def arm(self, name: str, point: str) -> None:
        """Kills the process and starts it again so that it dies at `point`, once."""
        self._arming[name] = point
        self.kill(name)

    def suspend(self, name: str) -> bool:
        """SIGSTOP. False when the process is dead."""
        process = self._runner.processes[name]
        if process.poll() is not None:
            return False
        self._stopped.add(name)
        process.send_signal(signal.SIGSTOP)
        return True

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._stopped.discard(name)
        process = self._runner.processes[name]
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)

    def disarm(self) -> list[str]:
        """Starts those afresh who are still armed for a point they have not reached; says which points."""
        waiting = dict(self._armed)
        self._arming.clear()
        for name in waiting:
            self.kill(name)
        return sorted(waiting.values())

    @property
    def everybody_runs(self) -> bool:
        """Whether every process is alive at this moment."""
        return all(self._runner.processes[name].poll() is None for name in self._names)
