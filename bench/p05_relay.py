"""P5: the relay carries an outbox to a quorum queue, beside aio-pika publishing the same bodies from memory.

Ours is the whole way as `ez work billing` goes it: claim from PostgreSQL, publish, wait for the confirms, mark.
"""

import asyncio
import sys
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from bench.broker import declare, purge, waiting
from bench.database import execute, rows, until_none
from bench.lab import ROOT, Lab, Measure
from bench.measure import median, quotient, reaches
from bench.product import Product
from shared.contracts.billing import InvoicePaid
from shared.kernel import new_id
from shared.kernel.ids import uuid7
from shared.messaging import encode

IN_FLIGHT = 200
_FACTS, _QUICK = 20_000, 1_000
_RATE = """
    SELECT count(*) AS facts, extract(epoch FROM max(finished_at) - min(finished_at))::float AS seconds
      FROM billing.outbox
"""


def facts(count: int) -> list[tuple[UUID, str, str, bytes]]:
    """Outbox rows: id, wire type, subject and envelope of paid invoices."""
    found = []
    for number in range(count):
        event = InvoicePaid(
            invoice_id=new_id("inv"),
            order_id=new_id("ord"),
            account_id=new_id("acc"),
            number=f"EZ-{number:08d}",
            amount_minor=900,
            currency="EUR",
            hosted_invoice_url=f"https://invoice.stripe.com/i/acct_1Qx7B2KpXo3nVw9T/test_{number:048d}?s=ap",
            paid_at=datetime.now(UTC),
        )
        identity = uuid7()
        found.append((identity, event.wire_type, event.subject, encode(event, identity, datetime.now(UTC), None)))
    return found


async def _ours(lab: Lab, product: Product, prepared: list[tuple[UUID, str, str, bytes]]) -> float:
    await execute(product.admin_url, "TRUNCATE billing.outbox", "CHECKPOINT")
    await purge(lab.broker.url)
    connection = await asyncpg.connect(product.admin_url)
    try:
        await connection.copy_records_to_table(
            "outbox", schema_name="billing", columns=["id", "type", "subject", "body"], records=prepared
        )
    finally:
        await connection.close()
    worker = product.work("billing")
    await until_none(product.admin_url, "SELECT count(*) FROM billing.outbox WHERE state <> 'done'", "the relay")
    await product.stop(worker)
    arrived = await waiting(lab.broker.url, "support")
    if arrived != len(prepared):
        raise RuntimeError(f"{len(prepared)} facts in the outbox, {arrived} in the queue")
    row = (await rows(product.admin_url, _RATE))[0]
    return float(row["facts"] / row["seconds"])


async def _raw(lab: Lab, product: Product, prepared: list[tuple[UUID, str, str, bytes]]) -> float:
    await purge(lab.broker.url)
    file = lab.directory / "bodies"
    file.write_bytes(b"\n".join(body for _id, _type, _subject, body in prepared))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.raw_publisher", str(file),
        "--routing-key", prepared[0][1], "--in-flight", str(IN_FLIGHT),
        cwd=ROOT, env=product.environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the publisher failed with {process.returncode}")
    return float(said)


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """Interleaved rounds: ours, aio-pika alone."""
    product = await lab.product("relay")
    await declare(lab.broker.url)
    count = _QUICK if lab.quick else _FACTS
    ours: list[float] = []
    raw: list[float] = []
    for number in range(1, rounds + 1):
        prepared = await asyncio.to_thread(facts, count)
        ours.append(await _ours(lab, product, prepared))
        raw.append(await _raw(lab, product, prepared))
        lab.say(f"P5 round {number}: {ours[-1]:.0f} facts/s; aio-pika alone {raw[-1]:.0f}/s")
    await purge(lab.broker.url)
    ratio = quotient(median(ours), median(raw))
    return [
        Measure("P5", "relay: outbox → confirmed on a quorum queue", f"aio-pika alone, {IN_FLIGHT} in flight",
                "facts/s", median(ours), median(raw), ratio, 0.5, reaches(ratio, 0.5),
                {"facts": count, "ours": ours, "aio-pika alone": raw})
    ]  # fmt: skip
