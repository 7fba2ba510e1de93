"""Work that queues up while earlier work is done, is done together: the more there is, the less each costs."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Interrupted(Exception):
    """The batch an item was in ended before the item was done, as when the process stops."""


class Batcher(Generic[Item]):
    """Hands everything that waits to `handle`, `most` at a time, one batch after the other.

    There is no timer: an item that comes alone is handled at once. `handle` returns, for each item in its order, None
    or the exception that whoever put it in is to be told; one that it raises is told to all of them.
    """

    def __init__(
        self, handle: Callable[[list[Item]], Awaitable[Sequence[Exception | None]]], *, most: int, name: str
    ) -> None:
        self._handle = handle
        self._most = most
        self._name = name
        self._waiting: deque[tuple[Item, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        """How many items wait, those that are being handled not counted."""
        return len(self._waiting)

    async def put(self, item: Item) -> None:
        """Returns once the item was handled. Raises what `handle` said of it, or Interrupted."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()  # once: it asks the system for the process id
        handled: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((item, handled))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=self._name)
        await handled

    async def _run(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
            outcomes: Sequence[Exception | None] = [Interrupted(self._name)] * len(batch)
            try:
                outcomes = await self._handle([item for item, _handled in batch])
            except Exception as error:  # noqa: BLE001 - it is told to everybody who waits for it
                outcomes = [error] * len(batch)
            finally:
                for (_item, handled), outcome in zip(batch, outcomes, strict=True):
                    _tell(handled, outcome)

    def turn_away(self, error: Exception) -> None:
        """Tells everybody who waits that it will not be done."""
        while self._waiting:
            _item, handled = self._waiting.popleft()
            _tell(handled, error)

    async def settle(self, patience: float) -> None:
        """Lets what is under way finish, `patience` seconds at most."""
        if self._task is not None and not self._task.done():
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._task, patience)


def _tell(handled: "asyncio.Future[None]", outcome: Exception | None) -> None:
    if handled.done():
        return  # whoever waited is gone
    if outcome is None:
        handled.set_result(None)
    else:
        handled.set_exception(outcome)
