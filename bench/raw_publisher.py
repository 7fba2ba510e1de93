"""The limit beside the relay, a process of its own: aio-pika alone publishes the same bodies, so many in flight.

Prints the confirmed messages per second.
"""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import aio_pika
import uvloop

from shared.messaging.transports.rabbitmq import EXCHANGE


async def _main(bodies: list[bytes], routing_key: str, in_flight: int) -> float:
    async with await aio_pika.connect(os.environ["EZ_BROKER_URL"]) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        free = asyncio.Semaphore(in_flight)

        async def publish(body: bytes) -> None:
            async with free:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, type=routing_key)
                await exchange.publish(message, routing_key=routing_key, mandatory=True)

        began = time.perf_counter()
        await asyncio.gather(*(publish(body) for body in bodies))
        return len(bodies) / (time.perf_counter() - began)


def main() -> int:
    """Bodies are the lines of a file."""
    parser = argparse.ArgumentParser(prog="python -m bench.raw_publisher")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--routing-key", required=True)
    parser.add_argument("--in-flight", type=int, default=200)
    chosen = parser.parse_args()
    print(uvloop.run(_main(chosen.bodies.read_bytes().splitlines(), chosen.routing_key, chosen.in_flight)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
