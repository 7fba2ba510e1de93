"""Runs the stand-in hypervisor as its own process, so that it can be killed, and speaks to its control API."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from sandbox.hypervisor.settings import HypervisorSandboxSettings
from tests.support.database import free_port
from tests.support.launching import Process, forked

SETTINGS = HypervisorSandboxSettings(_env_file=None)
TOKEN = f"PVEAPIToken={SETTINGS.token_id}={SETTINGS.token_secret.get_secret_value()}"


class HypervisorProcess:
    """One stand-in hypervisor; keeps its port and its state file across restarts."""

    def __init__(self, *, state_path: Path | None = None, time_scale: float = 0.0) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = ["--port", str(self.port), "--time-scale", str(time_scale)]
        if state_path is not None:
            self._options += ["--state-path", str(state_path)]
        self._process: Process | None = None
        self.client = httpx.Client(base_url=self.url, headers={"Authorization": TOKEN}, trust_env=False)

    def start(self) -> None:
        self._process = forked("sandbox.hypervisor", *self._options)
        deadline = time.monotonic() + 20
        while True:
            try:
                if self.client.get("/health/live").status_code == 200:
                    return
            except httpx.TransportError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL: nothing is closed and nothing cleaned up."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        self.client.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def inject(self, **fault: object) -> None:
        """See `sandbox.hypervisor.control.FaultOrder`."""
        self.client.post("/_sandbox/faults", json=fault).raise_for_status()

    def outage(self, state: str) -> None:
        self.client.post("/_sandbox/outage", json={"state": state}).raise_for_status()

    def reset(self) -> None:
        self.client.post("/_sandbox/reset").raise_for_status()

    def api(self) -> httpx.Client:
        """A client for /api2/json, to see for ourselves."""
        return httpx.Client(base_url=f"{self.url}/api2/json", headers={"Authorization": TOKEN}, trust_env=False)

    def machines(self) -> list[dict[str, object]]:
        """The truth, templates left out."""
        rows = self.client.get("/_sandbox/machines").raise_for_status().json()["data"]
        return [row for row in rows if not row["template"]]


@contextmanager
def hypervisor_process(*, state_path: Path | None = None, time_scale: float = 0.0) -> Iterator[HypervisorProcess]:
    """A started stand-in hypervisor, stopped at the end."""
    process = HypervisorProcess(state_path=state_path, time_scale=time_scale)
    process.start()
    try:
        yield process
    finally:
        process.stop()
