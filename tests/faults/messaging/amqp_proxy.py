"""A TCP proxy that understands AMQP 0-9-1's frames, to spoil a publisher's conversation with a real RabbitMQ.

A frame is type (1 byte), channel (2), size (4), payload, 0xCE. https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from typing import Self

_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD = 1
_PUBLISH, _ACK, _NACK = (60, 40), (60, 80), (60, 120)


class AmqpProxy:
    """`confirms` says what becomes of the broker's confirms: "pass", "swallow" or "nack".

    `close_channel_at` makes the broker itself close the channel at the n-th publish; `cut_at` cuts the connection
    there, before the publish is passed on; `frozen` lets nothing through in either direction.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.confirms = "pass"
        self.close_channel_at = self.cut_at = 0
        self.published = 0
        self.confirmed = 0

    @property
    def url(self) -> str:
        """Where publishers connect."""
        assert self._server is not None
        return f"amqp://guest:guest@127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    @property
    def frozen(self) -> bool:
        """Whether everything is held back."""
        return not self._flowing.is_set()

    @frozen.setter
    def frozen(self, value: bool) -> None:
        if value:
            self._flowing.clear()
        else:
            self._flowing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        upstream, to_broker = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            to_broker.write(await reader.readexactly(len(_HEADER)))
            pumps = [
                asyncio.ensure_future(self._pump(reader, to_broker, self._from_client)),
                asyncio.ensure_future(self._pump(upstream, writer, self._from_broker)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            to_broker.close()
            writer.close()
            self._tasks.discard(task)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]
    ) -> None:
        async for frame in _frames(reader):
            await self._flowing.wait()
            writer.write(change(frame))
            await writer.drain()

    def _from_client(self, frame: bytes) -> bytes:
        if _method(frame) != _PUBLISH:
            return frame
        self.published += 1
        if self.published == self.cut_at:
            raise ConnectionResetError("cut by the proxy")
        if self.published == self.close_channel_at:
            # A publish to an exchange that does not exist: the broker answers by closing the channel.
            return _publish_to("no-such-exchange", channel=frame[1:3]) + frame
        return frame

    def _from_broker(self, frame: bytes) -> bytes:
        if _method(frame) != _ACK:
            return frame
        self.confirmed += 1
        if self.confirms == "swallow":
            return b""
        if self.confirms == "nack":  # same fields, another method
            return frame[:7] + struct.pack(">HH", *_NACK) + frame[11:]
        return frame


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        head = await reader.readexactly(7)
        (size,) = struct.unpack(">I", head[3:])
        yield head + await reader.readexactly(size + 1)


def _method(frame: bytes) -> tuple[int, int] | None:
    return struct.unpack(">HH", frame[7:11]) if frame[0] == _METHOD else None


def _publish_to(exchange: str, *, channel: bytes) -> bytes:
    name = exchange.encode()
    method = struct.pack(">HHHB", *_PUBLISH, 0, len(name)) + name + b"\x00" + b"\x00"
    header = struct.pack(">HHQH", 60, 0, 0, 0)
    return b"".join(
        bytes([kind]) + channel + struct.pack(">I", len(payload)) + payload + b"\xce"
        for kind, payload in ((_METHOD, method), (2, header))
    )
