"""The proxy's process, and its controls for whoever plans the trouble."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.testing import eventually
from tests.chaos.proxy import HOST
from tests.support.database import free_port

ROOT = Path(__file__).parents[2]


class ProxyRefused(Exception):
    """The proxy could not do what it was told; the message says why."""


class Links:
    """A proxy in a process of its own; `ports` says where each link's clients connect to."""

    def __init__(self, targets: Mapping[str, int], log: Path) -> None:
        self.targets = dict(targets)
        self.ports = {name: free_port() for name in targets}
        self._control = free_port()
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Starts the process and waits until it takes orders."""
        command = [sys.executable, "-m", "tests.chaos.proxy", "--control", str(self._control)]
        for name, target in self.targets.items():
            command += ["--link", f"{name}={self.ports[name]}:{target}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        await eventually(self._connected, what="the proxy")

    async def _connected(self) -> bool:
        try:
            self._streams = await asyncio.open_connection(HOST, self._control)
        except OSError:
            return False
        return True

    async def order(self, do: str, link: str, **more: Any) -> dict[str, Any]:
        """One order, see `Proxy.obey`. Raises ProxyRefused."""
        if self._streams is None:
            raise ProxyRefused("the proxy is not running")
        reader, writer = self._streams
        async with self._turn:
            writer.write(json.dumps({"do": do, "link": link, **more}).encode() + b"\n")
            line = await reader.readline()
        answer: dict[str, Any] = json.loads(line or b'{"error": "the proxy is gone"}')
        if "error" in answer:
            raise ProxyRefused(str(answer["error"]))
        return answer

    async def heal(self) -> None:
        """Every link listens and is fast again. What has fallen silent stays silent: nobody can bring it back."""
        for name in self.targets:
            await self.order("heal", name)

    async def stop(self) -> None:
        """Ends the process."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
