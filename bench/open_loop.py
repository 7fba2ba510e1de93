"""Open-loop load, a process of its own: deliveries leave when they are due, whether or not earlier ones were answered.

Arrivals are a Poisson process, as independent senders make one, and latency counts from when a delivery was due, so
that a server that stalls is charged for everybody who waited (no coordinated omission). Bodies are made and signed
before the first one leaves. The secret comes from OPEN_LOOP_SECRET; one line of JSON says what happened, and a file
says what was sent: kind, status, id and MD5 of each body.
"""

import argparse
import asyncio
import gc
import hashlib
import json
import os
import random
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.measure import percentile
from bench.payloads import Delivery, EventMaker, renewing, request

_UNANSWERED = 0
_PATIENCE = 30.0


@dataclass(slots=True)
class Sent:
    """One delivery, when it was due (loop time), and what came of it."""

    delivery: Delivery
    wire: bytes
    due: float
    status: int = _UNANSWERED
    seconds: float = 0.0


class _Connection(asyncio.Protocol):
    """One keep-alive connection: sends one request, waits for its answer, then asks for the next."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        self._transport: Any = None  # uvloop's transports are no subclass of asyncio's
        self._current: Sent | None = None
        self._answer = b""

    def connection_made(self, transport: Any) -> None:
        """Ready for a first request."""
        self._transport = transport
        self._sender.free(self)

    def send(self, item: Sent) -> None:
        """Sends one request."""
        self._current = item
        self._transport.write(item.wire)

    def data_received(self, data: bytes) -> None:
        """Collects an answer; on its last byte the delivery is done."""
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._answer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._answer) < end + 4 + length:
            return
        item, self._current = self._current, None
        status, self._answer = int(self._answer[9:12]), b""
        if item is not None:
            self._sender.answered(item, status)
        self._sender.free(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """What was under way stays unanswered; another connection takes this one's place."""
        item, self._current = self._current, None
        if item is not None:
            self._sender.answered(item, _UNANSWERED)
        self._sender.lost(self)


class Sender:
    """Sends deliveries when they are due, over at most `connections` connections."""

    def __init__(self, port: int, connections: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._connections = connections
        self._idle: deque[_Connection] = deque()
        self._waiting: deque[Sent] = deque()
        self._open = 0
        self._left = 0
        self._done = asyncio.Event()
        self._reconnecting: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        """Opens every connection."""
        await asyncio.gather(*(self._connect() for _ in range(self._connections)))

    async def _connect(self) -> None:
        await self._loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)

    async def run(self, items: list[Sent]) -> None:
        """Returns when every delivery has been answered, or after patience ran out."""
        self._left = len(items)
        for item in items:
            delay = item.due - self._loop.time()
            if delay > 0.0005:
                await asyncio.sleep(delay)
            self._send(item)
        await asyncio.wait_for(self._done.wait(), _PATIENCE)

    def _send(self, item: Sent) -> None:
        if self._idle:
            self._idle.popleft().send(item)
        else:
            self._waiting.append(item)

    def free(self, connection: _Connection) -> None:
        """A connection can take a request."""
        if self._waiting:
            connection.send(self._waiting.popleft())
        else:
            self._idle.append(connection)

    def answered(self, item: Sent, status: int) -> None:
        """A delivery is over."""
        item.status, item.seconds = status, self._loop.time() - item.due
        self._left -= 1
        if self._left == 0:
            self._done.set()

    def lost(self, connection: _Connection) -> None:
        """A connection was closed; a new one is made."""
        if connection in self._idle:
            self._idle.remove(connection)
        if self._left > 0:
            task = self._loop.create_task(self._connect())
            self._reconnecting.add(task)
            task.add_done_callback(self._reconnecting.discard)


async def _main(arguments: argparse.Namespace) -> dict[str, object]:
    events = EventMaker(arguments.run, seed=3, payers=renewing(arguments.payers))
    count = int(arguments.rate * arguments.seconds)
    shares = {} if arguments.payers == 0 else {"duplicates": 0.0, "forgeries": 0.0}
    deliveries = list(events.deliveries(count, os.environ["OPEN_LOOP_SECRET"], **shares))
    wires = [request(delivery) for delivery in deliveries]
    sender = Sender(arguments.port, arguments.connections)
    await sender.connect()
    gc.collect()
    gc.disable()  # a collection over everything prepared would be the sender's stall, not the server's
    dice, due = random.Random(7), asyncio.get_running_loop().time() + 0.1
    items = []
    for delivery, wire in zip(deliveries, wires, strict=True):
        due += dice.expovariate(arguments.rate)
        items.append(Sent(delivery, wire, due))
    began = time.process_time()
    await sender.run(items)
    _write(items, Path(arguments.out))
    latencies = [item.seconds * 1000 for item in items if item.status != _UNANSWERED]
    return {
        "sent": len(items),
        "p50": percentile(latencies, 0.5),
        "p99": percentile(latencies, 0.99),
        "longest": max(latencies),
        "sender_cpu_seconds": time.process_time() - began,
        "answers": dict(Counter(f"{item.delivery.kind} {item.status}" for item in items)),
    }


def _write(items: list[Sent], out: Path) -> None:
    with out.open("w") as file:
        for item in items:
            event = item.delivery.event
            digest = hashlib.md5(event.body, usedforsecurity=False).hexdigest()
            file.write(f"{item.delivery.kind} {item.status} {event.id} {digest}\n")


def main() -> int:
    """Command line of the sender."""
    parser = argparse.ArgumentParser(prog="python -m bench.open_loop", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="deliveries per second")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--payers", type=int, default=0, help="renewals of so many known payers, nothing else")
    parser.add_argument("--run", default="open00", help="six characters that keep two runs' ids apart")
    parser.add_argument("--out", required=True, help="the file that tells what was sent")
    print(json.dumps(uvloop.run(_main(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
