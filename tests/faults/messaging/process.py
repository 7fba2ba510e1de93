"""The publisher's relay, or the listener, as a process that dies where it is told to:

`python -m tests.faults.messaging.process relay|listen`, with PART_DATABASE, PART_BROKER and PART_QUEUE.

EZ_CRASH_AT names a crash point. DIE_AT=n kills the listener at the n-th place where it hands control to the database
or the broker: before and after every statement, before and after every commit, before and after the acknowledgement.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aio_pika import IncomingMessage
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from services.identity.adapters.tables import plumbing as identity_plumbing
from services.support.adapters.tables import plumbing as support_plumbing
from shared.contracts.identity import UserRegistered
from shared.database import Database, DurableWorker
from shared.messaging import Consumer, Outbox, RabbitTransport, Relay
from tests.faults.messaging.parts import Post, impatient_inbox, impatient_outbox, listeners
from tests.support.launching import Process, forked


@contextmanager
def part_process(part: str, post: Post, **extra: str) -> Iterator[Process]:
    """A started part; ended for certain when the block ends."""
    service = "identity" if part == "relay" else "support"
    given = {
        **os.environ,
        "PART_DATABASE": post.test_database.url(service),
        "PART_BROKER": post.broker_url,
        "PART_QUEUE": post.queue,
        **extra,
    }
    process = forked("tests.faults.messaging.process", part, env=given)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _count_down(places: int) -> Callable[..., None]:
    left = places

    def step(*_given: Any, **_named: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


def _arm(step: Callable[..., None]) -> None:
    """Counts from the first delivery on: what the process does to connect is no part of handling a fact."""
    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "after_cursor_execute", step)
    event.listen(Engine, "commit", step)
    event.listen(Session, "after_commit", step)
    acknowledge = IncomingMessage.ack

    async def ack(message: IncomingMessage, multiple: bool = False) -> None:
        step()
        await acknowledge(message, multiple)
        step()

    IncomingMessage.ack = ack  # type: ignore[method-assign, assignment]


async def _relay(url: str, transport: RabbitTransport) -> None:
    database = Database(url, "identity", outbox=Outbox(identity_plumbing.outbox_table))
    await Relay(database, impatient_outbox(), transport, poll=0.05).run()


async def _listen(url: str, transport: RabbitTransport) -> None:
    database = Database(url, "support", outbox=Outbox(support_plumbing.outbox_table))
    queue = impatient_inbox()
    consumer = Consumer("support", database, queue, listeners())
    places = int(os.environ.get("DIE_AT", "0"))
    if places:
        _arm(_count_down(places))
    await transport.subscribe(os.environ["PART_QUEUE"], consumer.receive)
    if places:
        await asyncio.Event().wait()
    await DurableWorker(database, queue, consumer.retry, poll=0.05).run()


async def main() -> None:
    """Runs the part that the command line names."""
    bindings = {os.environ["PART_QUEUE"]: (UserRegistered.wire_type,)}
    transport = RabbitTransport(os.environ["PART_BROKER"], bindings=bindings)
    await transport.start()
    await {"relay": _relay, "listen": _listen}[sys.argv[1]](os.environ["PART_DATABASE"], transport)


if __name__ == "__main__":
    asyncio.run(main())
