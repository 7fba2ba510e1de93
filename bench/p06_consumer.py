"""P6: facts from a quorum queue are handled and committed, beside PostgreSQL running the very same statements.

The consumer is support's, which keeps an address book: a sign-up is written down once (inbox) and the person is
remembered (upsert), in one commit. pgbench has as many connections as the worker's pool may open.
"""

import aio_pika

from bench.broker import declare, purge
from bench.database import execute, rows, until_none, until_some
from bench.lab import Lab, Measure
from bench.measure import median, quotient, reaches
from bench.pgbench import pgbench
from bench.product import POOL_SIZE, Product
from bench.profiles import profile, told
from shared.contracts.identity import UserRegistered
from shared.kernel import SystemClock, new_id
from shared.kernel.ids import uuid7
from shared.messaging import encode

CLIENTS = int(POOL_SIZE) + 4  # the pool and its overflow
_FACTS, _QUICK = 6_000, 500
_IN_FLIGHT = 500
_STATEMENTS = """
BEGIN;
INSERT INTO support.inbox (id, type, body, state, attempts, finished_at)
VALUES (gen_random_uuid(), 'identity.user.registered.v1', :body, 'done', 1, clock_timestamp())
ON CONFLICT DO NOTHING RETURNING id;
INSERT INTO support.contacts (user_id, account_id, email, name, locale, created_at)
VALUES (gen_random_uuid(), gen_random_uuid(), 'mieke@customers.example', 'Mieke Peeters', 'en', now())
ON CONFLICT (user_id) DO UPDATE SET account_id = excluded.account_id, email = excluded.email,
   name = excluded.name, locale = excluded.locale;
COMMIT;
"""
_RATE = """
    SELECT count(*) AS facts, extract(epoch FROM max(finished_at) - min(finished_at))::float AS seconds,
           (SELECT count(*) FROM support.contacts) AS contacts
      FROM support.inbox WHERE state = 'done'
"""


def sign_up(number: int) -> bytes:
    """The envelope of one sign-up."""
    event = UserRegistered(
        user_id=new_id("usr"),
        account_id=new_id("acc"),
        account_name="Peeters",
        email=f"mieke{number}@customers.example",
        name="Mieke Peeters",
        locale="en",
    )
    return encode(event, uuid7(), SystemClock().now(), None)


async def _fill(lab: Lab, count: int) -> None:
    async with await aio_pika.connect(lab.broker.url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = channel.default_exchange  # straight into support's queue: nobody else listens here
        waiting = []
        for number in range(count):
            message = aio_pika.Message(
                sign_up(number), delivery_mode=aio_pika.DeliveryMode.PERSISTENT, type=UserRegistered.wire_type
            )
            waiting.append(exchange.publish(message, routing_key="support.events"))
            if len(waiting) == _IN_FLIGHT or number == count - 1:
                for confirmed in waiting:
                    await confirmed
                waiting = []


async def _ours(
    lab: Lab, product: Product, count: int, profiled: dict[str, float] | None = None
) -> tuple[float, float]:
    """Facts per second and CPU milliseconds per fact; `profiled`, when given, is filled with a profile."""
    await execute(product.admin_url, "TRUNCATE support.inbox, support.contacts", "CHECKPOINT")
    await purge(lab.broker.url)
    await _fill(lab, count)
    worker = product.work("support")
    counted = [worker.pid, lab.postgres_pid, lab.broker.pid]
    before = lab.cpu(counted)
    done = "SELECT count(*) FROM support.inbox WHERE state = 'done'"
    if profiled is not None:
        await until_some(product.admin_url, done, "support's consumer")
        profiled.update(await profile(lab, worker.pid, 2 if lab.quick else 5))
    await until_none(product.admin_url, done, "support's consumer", left=count)
    used = lab.cpu(counted) - before
    await product.stop(worker)
    row = (await rows(product.admin_url, _RATE))[0]
    if row["contacts"] != count:
        raise RuntimeError(f"{count} sign-ups, {row['contacts']} contacts")
    return row["facts"] / row["seconds"], 1000 * used / count


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """Interleaved rounds: ours, PostgreSQL alone."""
    product = await lab.product("consumer")
    await declare(lab.broker.url)
    ours: list[float] = []
    cpu: list[float] = []
    limit: list[float] = []
    for number in range(1, rounds + 1):
        rate, milliseconds = await _ours(lab, product, _QUICK if lab.quick else _FACTS)
        ours.append(rate)
        cpu.append(milliseconds)
        await execute(product.admin_url, "TRUNCATE support.inbox, support.contacts", "CHECKPOINT")
        limit.append(
            await pgbench(
                lab, product.admin_url, _STATEMENTS,
                clients=CLIENTS, seconds=1 if lab.quick else 6, variables={"body": sign_up(0).decode()},
            )
        )  # fmt: skip
        lab.say(f"P6 round {number}: {rate:.0f} facts/s, {milliseconds:.2f} ms CPU each; PostgreSQL {limit[-1]:.0f}/s")
    profiled: dict[str, float] = {}
    await _ours(lab, product, _QUICK if lab.quick else _FACTS, profiled)  # counts for nothing else
    ratio = quotient(median(ours), median(limit))
    detail = {"ours": ours, "CPU ms per fact (worker, PostgreSQL, broker)": cpu, "pgbench": limit}
    return [
        Measure("P6", "consumer: delivered → handled and committed",
                f"pgbench, the same statements, {CLIENTS} clients",
                "facts/s", median(ours), median(limit), ratio, 0.4, reaches(ratio, 0.4), detail,
                told(profiled, "support's worker"))
    ]  # fmt: skip
