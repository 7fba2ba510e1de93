"""A TCP proxy that can misbehave: one listener per link, told by a control connection what to do to it.

`python -m tests.chaos.proxy --control PORT --link postgres=LISTEN:TARGET …`; every line on the control connection is a
JSON object with `do` and `link`, every answer one JSON object. Half-open means what it means on a real network: bytes
vanish without a sign, and so does the closing of the connection. It lasts for as long as either side believes in it.
"""

import argparse
import asyncio
import contextlib
import json
import socket
import struct
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import uvloop

HOST = "127.0.0.1"
TO_SERVER, TO_CLIENT = "to_server", "to_client"
DIRECTIONS = {"both": {TO_SERVER, TO_CLIENT}, TO_SERVER: {TO_SERVER}, TO_CLIENT: {TO_CLIENT}}
_NO_LINGER = struct.pack("ii", 1, 0)


@dataclass
class Counts:
    """What became of a link's connections so far."""

    opened: int = 0
    refused: int = 0
    cut: int = 0
    half_opened: int = 0
    swallowed_bytes: int = 0


def _reset(transport: asyncio.WriteTransport | None) -> None:
    """Ends a connection with RST instead of FIN."""
    if transport is None or transport.is_closing():
        return
    with contextlib.suppress(OSError, AttributeError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


class Pipe:
    """One client's connection and ours to the server behind it."""

    def __init__(self, link: "Link") -> None:
        self.link = link
        self.swallowing: set[str] = set()
        self._ends: dict[str, asyncio.Transport] = {}
        self._early: list[bytes] = []
        self._late: dict[str, deque[bytes]] = {TO_SERVER: deque(), TO_CLIENT: deque()}

    def opened(self, towards: str, transport: asyncio.Transport) -> None:
        """The end that bytes going `towards` it are written to is there."""
        self._ends[towards] = transport
        if towards == TO_SERVER:
            for data in self._early:
                self._write(TO_SERVER, data)
            self._early = []
            if TO_CLIENT not in self._ends and TO_SERVER not in self.swallowing:
                transport.close()  # the client left before the server was reached

    def carry(self, towards: str, data: bytes) -> None:
        """Passes bytes on, later if the link is slow, never if this direction has gone silent."""
        if towards in self.swallowing:
            self.link.counts.swallowed_bytes += len(data)
        elif self.link.delay > 0 or self._late[towards]:
            self._late[towards].append(data)
            asyncio.get_running_loop().call_later(self.link.delay, self._deliver_next, towards)
        else:
            self._deliver(towards, data)

    def _deliver_next(self, towards: str) -> None:
        # Whichever timer it was: what was sent first arrives first, also when the link became fast again meanwhile.
        self._deliver(towards, self._late[towards].popleft())

    def _deliver(self, towards: str, data: bytes) -> None:
        if towards in self.swallowing:
            self.link.counts.swallowed_bytes += len(data)
        elif towards == TO_SERVER and TO_SERVER not in self._ends:
            self._early.append(data)
        else:
            self._write(towards, data)

    def _write(self, towards: str, data: bytes) -> None:
        transport = self._ends.get(towards)
        if transport is not None and not transport.is_closing():
            transport.write(data)

    def pause(self, towards: str, *, paused: bool) -> None:
        """The end in this direction cannot keep up (or can again): the other end is read more slowly."""
        source = self._ends.get(TO_CLIENT if towards == TO_SERVER else TO_SERVER)
        if source is not None and not source.is_closing():
            source.pause_reading() if paused else source.resume_reading()

    def closed(self, towards: str, error: Exception | None) -> None:
        """One end is gone. The other learns of it, unless its direction has gone silent."""
        self._ends.pop(towards, None)
        other = TO_CLIENT if towards == TO_SERVER else TO_SERVER
        if other not in self.swallowing:
            rest = self._ends.get(other)
            if rest is not None and not rest.is_closing():
                _reset(rest) if error is not None else rest.close()
        if not self._ends:
            self.link.pipes.pop(self, None)

    def cut(self) -> None:
        """RST in both directions."""
        self.swallowing.clear()
        for transport in list(self._ends.values()):
            _reset(transport)
        self.link.pipes.pop(self, None)


class _End(asyncio.Protocol):
    """One of a pipe's two sockets; what it receives goes `carries_to`."""

    def __init__(self, pipe: Pipe, carries_to: str) -> None:
        self._pipe = pipe
        self._carries_to = carries_to
        self._mine = TO_SERVER if carries_to == TO_CLIENT else TO_CLIENT

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the socket; a client's starts the way to the server."""
        self._pipe.opened(self._mine, cast(asyncio.Transport, transport))
        if self._carries_to == TO_SERVER:
            self._pipe.link.connect(self._pipe)

    def data_received(self, data: bytes) -> None:
        """Hands bytes on."""
        self._pipe.carry(self._carries_to, data)

    def connection_lost(self, error: Exception | None) -> None:
        """Tells the other end."""
        self._pipe.closed(self._mine, error)

    def pause_writing(self) -> None:
        """This socket's buffer is full."""
        self._pipe.pause(self._mine, paused=True)

    def resume_writing(self) -> None:
        """It has room again."""
        self._pipe.pause(self._mine, paused=False)


class Link:
    """One listener in front of one server."""

    def __init__(self, name: str, listen: int, target: int) -> None:
        self.name = name
        self.listen = listen
        self.target = target
        self.delay = 0.0
        self.pipes: dict[Pipe, None] = {}  # in the order they were opened
        self.counts = Counts()
        self._server: asyncio.Server | None = None
        self._connecting: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Listens; does nothing when it does already."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._accepted, HOST, self.listen, reuse_address=True)

    def refuse(self) -> None:
        """Stops listening: whoever connects now is refused. Connections that exist live on."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self.counts.refused += 1

    def _accepted(self) -> asyncio.Protocol:
        pipe = Pipe(self)
        self.pipes[pipe] = None
        self.counts.opened += 1
        return _End(pipe, TO_SERVER)

    def connect(self, pipe: Pipe) -> None:
        """Opens the pipe's other end; a server that is not there is told to the client by a reset."""
        task = asyncio.create_task(self._connect(pipe))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, pipe: Pipe) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _End(pipe, TO_CLIENT), HOST, self.target)
        except OSError:
            pipe.cut()

    def _chosen(self, which: str, pick: float) -> list[Pipe]:
        pipes = list(self.pipes)
        if which == "all" or not pipes:
            return pipes
        return [pipes[min(int(pick * len(pipes)), len(pipes) - 1)]]

    def cut(self, which: str, pick: float) -> int:
        """Resets all connections or one; says how many."""
        chosen = self._chosen(which, pick)
        for pipe in chosen:
            pipe.cut()
        self.counts.cut += len(chosen)
        return len(chosen)

    def half_open(self, which: str, pick: float, direction: str) -> int:
        """Lets all connections or one fall silent; says how many."""
        chosen = self._chosen(which, pick)
        for pipe in chosen:
            pipe.swallowing |= DIRECTIONS[direction]
        self.counts.half_opened += len(chosen)
        return len(chosen)

    def forget_half_open(self) -> int:
        """Resets what has fallen silent, as a host does that has come back without remembering its connections."""
        silent = [pipe for pipe in self.pipes if pipe.swallowing]
        for pipe in silent:
            pipe.cut()
        return len(silent)


class Proxy:
    """All links, and the words of the control connection."""

    def __init__(self, links: Sequence[Link]) -> None:
        self.links = {link.name: link for link in links}

    async def start(self) -> None:
        """Opens every listener."""
        for link in self.links.values():
            await link.open()

    async def obey(self, order: dict[str, Any]) -> dict[str, Any]:
        """Does what one line of the control connection asks for. Raises KeyError or ValueError when it cannot."""
        link = self.links[order["link"]]
        which, pick = order.get("which", "all"), float(order.get("pick", 0.0))
        match order["do"]:
            case "cut":
                return {"touched": link.cut(which, pick)}
            case "half_open":
                return {"touched": link.half_open(which, pick, order.get("direction", "both"))}
            case "refuse":
                link.refuse()
            case "delay":
                link.delay = float(order["seconds"])
            case "forget":
                return {"touched": link.forget_half_open()}
            case "heal":
                link.delay = 0.0
                await link.open()
            case "counts":
                return {"now": len(link.pipes), **vars(link.counts)}
            case other:
                raise ValueError(f"unknown order: {other}")
        return {"touched": 0}

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one control connection: a line in, a line out."""
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                try:
                    answer = await self.obey(json.loads(line))
                except (KeyError, ValueError, OSError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()


def _link(described: str) -> Link:
    name, _, ports = described.partition("=")
    listen, _, target = ports.partition(":")
    return Link(name, int(listen), int(target))


async def _serve(control: int, links: list[Link]) -> None:
    proxy = Proxy(links)
    await proxy.start()
    server = await asyncio.start_server(proxy.control, HOST, control)
    async with server:
        await server.serve_forever()


def main() -> int:
    """Serves until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.proxy", description=__doc__)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--link", type=_link, action="append", required=True, metavar="NAME=LISTEN:TARGET")
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(chosen.control, chosen.link))
    return 0


if __name__ == "__main__":
    sys.exit(main())
