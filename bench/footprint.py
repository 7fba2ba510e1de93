"""P11: how long a warm start takes, and what the running pieces weigh. Nothing is loaded: they are idle."""

import asyncio
import re
import shutil
import signal
import sys
import time
from functools import partial
from pathlib import Path

from bench.lab import ROOT, Lab
from bench.measure import Measure, median, reaches
from bench.processes import Process, cpu_seconds, resident_bytes
from ez.embedded.environment import SERVICES
from shared.testing import eventually
from tests.support.database import free_port
from tests.support.embedded import free_base_port

MOST_SECONDS, MOST_EMBEDDED_MB, MOST_IMAGE_MB, MOST_SERVICE_MB = 5.0, 350.0, 300.0, 90.0
_OURS = ("ez", "services", "gateway", "shared")
_BASE_MB = 130.0  # python:3.11-slim-bookworm unpacked, roughly; nothing here can measure it
_IDLE = 20.0  # seconds: the clock jobs and gauges have run once
_MB = 1e6


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """How long `ez up` starts, what it and every process of the distributed form weigh, and what is shipped."""
    idle = 2.0 if lab.quick else _IDLE
    python, size = await _installed(lab)
    starts, embedded = await _embedded(lab, 1 if lab.quick else max(2, rounds), idle)
    heaviest, each = await _distributed(lab, python, idle)
    warm = median(starts)
    return [
        _measure("P11.start", "a warm start of `ez up`", "s", warm, MOST_SECONDS, {"starts": starts}),
        _measure(
            "P11.embedded", "memory of the embedded process (PSS)", "MB", embedded["ez"], MOST_EMBEDDED_MB, embedded
        ),
        _measure(
            "P11.image",
            "the production install, with 130 MB taken for the base image",
            "MB",
            size + _BASE_MB,
            MOST_IMAGE_MB,
            {"install_mb": size, "base_mb": _BASE_MB},
            "Not measured as an image: that takes a container engine. The install is the locked production packages "
            "with their bytecode, and our own packages with the built assets.",
        ),
        _measure(
            "P11.service",
            "idle memory of the heaviest service process (PSS)",
            "MB",
            heaviest,
            MOST_SERVICE_MB,
            {"processes": each},
            "In the production environment, after the clock jobs have run once. PSS: what a process holds alone "
            "and its share of what it shares. An OTLP endpoint or a Sentry DSN adds about 8 and 6 MB to each.",
        ),
    ]


def _measure(
    key: str, work: str, unit: str, ours: float, most: float, detail: dict[str, object], note: str = ""
) -> Measure:
    ratio = ours / most
    met = reaches(ratio, 1.0, at_most=True)
    return Measure(key, work, "the goal itself", unit, ours, most, ratio, 1.0, met, detail, note, at_most=True)


async def _installed(lab: Lab) -> tuple[str, float]:
    """The production environment as the image has it, and what it and our packages weigh in MB.

    Without network the wheels may be missing; then the interpreter at hand serves, and the size is not a number.
    """
    home = lab.directory / "production"
    lab.say("the production environment is installed")
    uv = (
        shutil.which("uv", path=str(Path(sys.executable).parent))
        or shutil.which("uv")
        or str(ROOT / ".cache/uv/bin/uv")
    )
    lock = str(ROOT / "requirements/production.txt")
    sync = [uv, "pip", "sync", "--quiet", "--compile-bytecode", "--require-hashes"]
    steps = (
        [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
        [*sync, "--python", str(home / "bin/python"), lock],
    )
    for step in steps:
        ending = await asyncio.create_subprocess_exec(*step)
        if await ending.wait() != 0:
            lab.say("it could not be installed: no size, and memory with the development environment")
            return sys.executable, float("nan")
    shipped = [home / "lib", *(ROOT / name for name in _OURS)]
    return str(home / "bin/python"), sum(_size(path) for path in shipped) / _MB


def _size(directory: Path) -> int:
    return sum(path.lstat().st_size for path in directory.rglob("*") if not path.is_dir())


async def _embedded(lab: Lab, rounds: int, idle: float) -> tuple[list[float], dict[str, float]]:
    """Seconds until `ez up` says it is ready, from its second start on; and the memory (MB) of the last one."""
    home, base = lab.directory / "home", free_base_port()
    starts: list[float] = []
    memory: dict[str, float] = {}
    for number in range(rounds + 1):
        began = time.monotonic()
        process = lab.start(f"up-{number}", [lab.python, "-m", "ez", "up", "--home", str(home), "--port", str(base)])
        await lab.ready(process, f"http://127.0.0.1:{base}/health/live")
        await eventually(partial(_says_ready, process), within=60, what="the banner")
        taken = time.monotonic() - began
        lab.say(f"ez up, start {number + 1}: ready after {taken:.1f} s")
        if number > 0:
            starts.append(taken)
        if number == rounds:
            await asyncio.sleep(idle)
            postgres = _below(process.pid)
            memory = {"ez": resident_bytes([process.pid]) / _MB, "postgres": resident_bytes(postgres) / _MB}
        process.popen.send_signal(signal.SIGINT)
        await asyncio.to_thread(process.popen.wait, 90)
        await lab.stop(process)
    return starts, memory


async def _says_ready(process: Process) -> bool:
    return "Ready after" in process.log.read_text(errors="replace")


def _below(pid: int) -> list[int]:
    """Every process below this one."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *_below(child)]
    return found


async def _distributed(lab: Lab, python: str, idle: float) -> tuple[float, dict[str, dict[str, float]]]:
    """MB, and CPU seconds until ready, of every API and worker; one service after the other."""
    shop = await lab.product("footprint")
    shop.to_end("seed")
    each: dict[str, dict[str, float]] = {}
    for name in (*SERVICES, "gateway"):
        commands = [("serve", shop.ports[name])]
        if name != "gateway":
            commands.append(("work", free_port()))
        started = []
        for command, port in commands:
            process = lab.start(
                f"{name}-{command}",
                [python, "-m", "ez", command, name, "--port", str(port)],
                environment=shop.environment,
            )
            await lab.ready(process, f"http://127.0.0.1:{port}/health/{'live' if name == 'gateway' else 'ready'}")
            started.append((f"{name} {command}", process, cpu_seconds([process.pid])))
        await asyncio.sleep(idle)
        for title, process, cpu in started:
            each[title] = {"pss_mb": resident_bytes([process.pid]) / _MB, "start_cpu_s": cpu, "rss_mb": _rss(process)}
            lab.say(
                f"{title}: {each[title]['pss_mb']:.0f} MB ({each[title]['rss_mb']:.0f} RSS), {cpu:.2f} s CPU to start"
            )
        await lab.stop(*(process for _title, process, _cpu in started))
    return max(found["pss_mb"] for found in each.values()), each


def _rss(process: Process) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / _MB if found else float("nan")
