"""Machines and tasks in memory, written through to SQLite so that a killed hypervisor forgets nothing."""

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path

from sandbox.hypervisor.models import Machine, Task

_SCHEMA = """
CREATE TABLE IF NOT EXISTS machine (vmid INTEGER PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS task (upid TEXT PRIMARY KEY, body TEXT NOT NULL);
"""


class Store:
    """Owned by one event loop. A change is on disk before the caller is answered."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        # The application may be composed on another thread than the one that serves it; only one ever uses it.
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")  # enough for a killed process, not for a power cut
        self._connection.executescript(_SCHEMA)
        rows = self._connection.execute("SELECT body FROM machine ORDER BY vmid")
        self.machines = {machine.vmid: machine for machine in (Machine(**json.loads(body)) for (body,) in rows)}
        rows = self._connection.execute("SELECT body FROM task")
        self.tasks = {task.upid: task for task in (Task(**json.loads(body)) for (body,) in rows)}
        self.running = {task.upid: task for task in self.tasks.values() if task.exitstatus is None}
        self.last_sequence = max((task.sequence for task in self.tasks.values()), default=0)

    def save(self, *changed: Machine | Task) -> None:
        """Keep these rows, all or none."""
        self._connection.execute("BEGIN IMMEDIATE")
        for row in changed:
            body = json.dumps(asdict(row))
            if isinstance(row, Machine):
                self.machines[row.vmid] = row
                self._connection.execute("INSERT OR REPLACE INTO machine VALUES (?, ?)", (row.vmid, body))
            else:
                self._index(row)
                self._connection.execute("INSERT OR REPLACE INTO task VALUES (?, ?)", (row.upid, body))
        self._connection.execute("COMMIT")

    def _index(self, task: Task) -> None:
        self.tasks[task.upid] = task
        self.last_sequence = max(self.last_sequence, task.sequence)
        if task.exitstatus is None:
            self.running[task.upid] = task
        else:
            self.running.pop(task.upid, None)

    def remove(self, machine: Machine) -> None:
        del self.machines[machine.vmid]
        self._connection.execute("DELETE FROM machine WHERE vmid = ?", (machine.vmid,))

    def clear(self) -> None:
        self.machines.clear()
        self.tasks.clear()
        self.running.clear()
        self._connection.executescript("DELETE FROM machine; DELETE FROM task;")

    def close(self) -> None:
        self._connection.close()
