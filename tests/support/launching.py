"""Our own processes, started for tests: run as a user would run them, or forked from one that has imported the product.

Importing the product takes longer than most of what a test looks at. A forked process is one of its own all the same:
its own pid, environment, connections and death.
"""

import importlib
import multiprocessing
import os
import random
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from shared.kernel import crashpoints

ROOT = Path(__file__).parents[2]
_PRELOADED = (
    "ez.cli",
    "ez.commands.migrate",
    "ez.commands.seed",
    "ez.commands.serve",
    "ez.commands.work",
    "ez.demo",
    "gateway.main",
    "sandbox.hypervisor.app",
    "sandbox.mail.app",
    "sandbox.stripe.app",
    "services.billing.main",
    "services.catalog.main",
    "services.identity.main",
    "services.provisioning.main",
    "services.support.main",
)


class Process(Protocol):
    """A process that was started, with the part of `subprocess.Popen` that both ways have."""

    @property
    def pid(self) -> int:
        """Its id."""

    @property
    def returncode(self) -> int | None:
        """How it ended, as last seen by `poll` or `wait`: negative is the number of a signal."""

    def poll(self) -> int | None:
        """How it ended; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has. Raises subprocess.TimeoutExpired after so many seconds."""

    def send_signal(self, sig: int) -> None:
        """Nothing happens where it has ended."""

    def terminate(self) -> None:
        """SIGTERM."""

    def kill(self) -> None:
        """SIGKILL."""


class Launch(Protocol):
    """A way to start `python -m module arguments…` in the project's folder; what it says is added to `log`."""

    def __call__(
        self, module: str, *arguments: str, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> Process:
        """Without `env`, it has this process's environment."""


def executed(module: str, *arguments: str, env: Mapping[str, str] | None = None, log: Path | None = None) -> Process:
    """As a user runs it: a new interpreter, which imports everything first."""
    with (log or Path(os.devnull)).open("ab") as output:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)


def forked(module: str, *arguments: str, env: Mapping[str, str] | None = None, log: Path | None = None) -> Process:
    """In a child of a process that has imported the product and done nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    given = dict(os.environ if env is None else env)
    child = context.Process(target=_run, args=(module, arguments, given, str(log or os.devnull)), daemon=True)
    child.start()
    return _Forked(child)


def _run(module: str, arguments: Sequence[str], env: Mapping[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    random.seed()  # else every child draws the same numbers
    importlib.reload(crashpoints)  # it looks into the environment when it is imported
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class _Forked:
    def __init__(self, child: BaseProcess) -> None:
        self._child = child
        assert child.pid is not None
        self.pid = child.pid

    @property
    def returncode(self) -> int | None:
        return self._child.exitcode

    def poll(self) -> int | None:
        return self._child.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._child.join(timeout)
        ended = self._child.exitcode
        if ended is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return ended

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self._child.terminate()

    def kill(self) -> None:
        self._child.kill()
