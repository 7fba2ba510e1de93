"""A running `make up`, as a newcomer has it: one process with everything in it, on ports of its own."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ez.embedded.environment import OFFSETS, ports_from

ROOT = Path(__file__).parents[2]
_PATIENCE = 150.0


def free_base_port() -> int:
    """A base port with all of an instance's ports free."""
    for _ in range(200):
        base = random.randrange(20000, 30000, 50)
        if all(_is_free(base + offset) for offset in OFFSETS.values()):
            return base
    raise RuntimeError("no free range of ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Embedded:
    """`ez up` as a process; `home` keeps its data, `settings` are environment variables beside those of the tests."""

    def __init__(self, home: Path, base_port: int, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._environment = os.environ | dict(settings or {})
        self.ports = ports_from(base_port)
        self.url = f"http://127.0.0.1:{base_port}"
        self.output = home.parent / "up.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def secrets(self) -> dict[str, str]:
        """What the instance made for itself."""
        return dict(json.loads((self.home / "secrets.json").read_text()))

    def start(self) -> None:
        """Starts it and waits until it says that it is ready."""
        command = [sys.executable, "-m", "ez", "up", "--port", str(self.ports["gateway"]), "--home", str(self.home)]
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self._environment, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + _PATIENCE
        while "Ready after" not in self.output.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("ez up did not become ready:\n" + self.output.read_text())
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ends it (Ctrl-C unless told otherwise) and returns its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(30)

    def stripe(self, method: str, path: str, body: Any = None) -> Any:
        """A call to the Stripe sandbox's own controls."""
        key = "sk_test_" + self.secrets["stripe_key"]
        return self._control(self.ports["stripe"], method, path, body, f"Bearer {key}")

    def hypervisor(self, method: str, path: str, body: Any = None) -> Any:
        """A call to the hypervisor sandbox's own controls."""
        token = "ez@pve!provisioning=" + self.secrets["hypervisor_token"]
        return self._control(self.ports["hypervisor"], method, path, body, f"PVEAPIToken={token}")

    def _control(self, port: int, method: str, path: str, body: Any, authorization: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        call = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
        with urllib.request.urlopen(call, timeout=10) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else None

    def mails(self, recipient: str) -> list[dict[str, Any]]:
        """What was sent to an address, newest first."""
        with urllib.request.urlopen(f"{self.url}/dev/mail/api/messages?to={recipient}", timeout=10) as answer:
            return list(json.loads(answer.read())["data"])

    def machines(self) -> list[dict[str, Any]]:
        """The hypervisor's own list, without the templates."""
        return [machine for machine in self.hypervisor("GET", "/_sandbox/machines")["data"] if not machine["template"]]


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[Embedded]:
    """A started instance, thrown away at the end."""
    with tempfile.TemporaryDirectory(prefix="ez-up-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        instance = Embedded(Path(directory) / "home", free_base_port(), settings)
        instance.start()
        try:
            yield instance
        finally:
            instance.stop()


@pytest.fixture(scope="session")
def embedded() -> Iterator[Embedded]:
    """One instance for all tests of a process."""
    with running() as instance:
        yield instance
