"""Server-sent events that say "something changed, read again" (WHATWG HTML, section 9.2).

An event carries no data of the object: the reader asks for it with its own rights. Each stream ends after
`LONGEST`, so that a revoked session cannot listen on, and when the process ends; browsers reconnect by themselves.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from shared.database import Listener
from shared.web.draining import draining

HEARTBEAT = 15.0
LONGEST = 300.0


async def _events(listener: Listener, channel: str, subject: str) -> AsyncIterator[bytes]:
    changed = asyncio.Event()

    def on_notify(payload: str) -> None:
        if payload in ("", subject):
            changed.set()

    stop = listener.on(channel, on_notify)
    ending = asyncio.create_task(draining().wait())
    ending.add_done_callback(lambda _task: changed.set())
    loop = asyncio.get_running_loop()
    ends, version = loop.time() + LONGEST, 0
    try:
        yield b'retry: 2000\nevent: timeline\ndata: {"version": 0}\n\n'
        while loop.time() < ends:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), HEARTBEAT)
            if draining().is_set():
                return
            if changed.is_set():
                changed.clear()
                version += 1
                yield b'event: timeline\ndata: {"version": %d}\n\n' % version
            else:
                yield b": still here\n\n"
    finally:
        ending.cancel()
        stop()


def change_stream(listener: Listener, channel: str, subject: str) -> StreamingResponse:
    """A stream that speaks whenever `channel` is notified for `subject`."""
    return StreamingResponse(
        _events(listener, channel, subject),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
