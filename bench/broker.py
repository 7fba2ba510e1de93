"""What the bench does at the broker: the topology, empty queues, how much lies in one."""

import aio_pika

from shared.contracts import topology
from shared.messaging import RabbitTransport


async def declare(url: str) -> None:
    """Every exchange, queue and binding, as any worker declares them."""
    transport = RabbitTransport(url, name="bench")
    await transport.start()
    await transport.stop()


async def purge(url: str) -> None:
    """Empties every consumer's queue."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for consumer in topology():
            queue = await channel.get_queue(f"{consumer}.events", ensure=False)
            await queue.purge()


async def waiting(url: str, consumer: str) -> int:
    """How many messages lie in a consumer's queue."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(f"{consumer}.events", passive=True)
        return queue.declaration_result.message_count or 0
