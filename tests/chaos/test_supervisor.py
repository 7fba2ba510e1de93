"""The supervisor restarts what dies, knows whom it killed itself, and arms a process exactly once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.testing import eventually
from tests.chaos.supervisor import RESTART_AFTER, Supervisor
from tests.support.launching import Process

SLEEPS = "import time; time.sleep(60)"
DIES_WHEN_ARMED = (
    "import os, signal, time\nif os.environ.get('EZ_CRASH_AT'): os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(60)"
)


class Programs:
    """Small programs by name, as the house's processes are started by name."""

    def __init__(self) -> None:
        self.processes: dict[str, Process] = {}
        self.started: list[tuple[str, str]] = []

    def run(self, name: str, **extra: str) -> Process:
        self.started.append((name, extra.get("EZ_CRASH_AT", "")))
        program = DIES_WHEN_ARMED if name == "armed" else SLEEPS
        self.processes[name] = subprocess.Popen([sys.executable, "-c", program], env=os.environ | extra)
        return self.processes[name]


@pytest.fixture
def programs() -> Iterator[Programs]:
    started = Programs()
    yield started
    for process in started.processes.values():
        process.kill()
        process.wait()


def _dead(programs: Programs, name: str) -> bool:
    return programs.processes[name].poll() is not None


async def _until_dead(programs: Programs, name: str) -> None:
    async def dead() -> bool:
        return _dead(programs, name)

    await eventually(dead)


async def test_a_killed_process_comes_back_after_its_pause_and_not_before(programs: Programs) -> None:
    programs.run("worker")
    supervisor = Supervisor(programs, ["worker"], 1)
    assert supervisor.kill("worker")
    await _until_dead(programs, "worker")
    supervisor.look(100.0)
    supervisor.look(100.0 + RESTART_AFTER[0] / 2)
    assert len(programs.started) == 1
    supervisor.look(100.0 + RESTART_AFTER[1])
    assert programs.started == [("worker", ""), ("worker", "")]
    assert supervisor.everybody_runs
    assert (supervisor.deaths["worker"], supervisor.uncalled) == (1, [])


async def test_an_armed_process_dies_at_its_point_and_is_then_left_in_peace(programs: Programs) -> None:
    programs.run("armed")
    supervisor = Supervisor(programs, ["armed"], 1)
    supervisor.arm("armed", "billing.after_commit")
    await _until_dead(programs, "armed")
    supervisor.look(100.0)
    supervisor.look(103.0)
    await _until_dead(programs, "armed")
    supervisor.look(200.0)
    supervisor.look(203.0)
    assert programs.started == [("armed", ""), ("armed", "billing.after_commit"), ("armed", "")]
    assert dict(supervisor.crashed_at) == {"billing.after_commit": 1}
    assert not _dead(programs, "armed")


async def test_a_point_that_is_never_reached_is_said_and_taken_back(programs: Programs) -> None:
    programs.run("worker")
    supervisor = Supervisor(programs, ["worker"], 1)
    supervisor.arm("worker", "billing.after_commit")
    await _until_dead(programs, "worker")
    supervisor.look(100.0)
    supervisor.look(103.0)
    assert supervisor.disarm() == ["billing.after_commit"]
    await _until_dead(programs, "worker")
    supervisor.look(200.0)
    supervisor.look(203.0)
    assert programs.started[-1] == ("worker", "")
    assert not supervisor.crashed_at


async def test_a_process_that_ends_without_being_asked_is_named(programs: Programs) -> None:
    programs.run("worker")
    supervisor = Supervisor(programs, ["worker"], 1)
    programs.processes["worker"].send_signal(signal.SIGTERM)
    await _until_dead(programs, "worker")
    supervisor.look(100.0)
    assert supervisor.uncalled == [f"worker ended by itself with code {-signal.SIGTERM}"]
    assert not supervisor.kill("worker")


async def test_a_stopped_process_stands_still_until_it_is_resumed_or_the_supervisor_stops(programs: Programs) -> None:
    process = programs.run("worker")
    supervisor = Supervisor(programs, ["worker"], 1)
    assert supervisor.suspend("worker")

    async def state_is(wanted: str) -> None:
        async def probe() -> bool:
            return Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0] == wanted

        await eventually(probe)

    await state_is("T")
    supervisor.resume("worker")
    await state_is("S")
    supervisor.suspend("worker")
    await state_is("T")
    await supervisor.stop()
    await state_is("S")


async def test_it_watches_by_itself_once_started(programs: Programs) -> None:
    programs.run("worker")
    supervisor = Supervisor(programs, ["worker"], 1)
    supervisor.start()
    try:
        supervisor.kill("worker")

        async def started_again() -> bool:
            return len(programs.started) == 2

        await eventually(started_again)
    finally:
        await supervisor.stop()
