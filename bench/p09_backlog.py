"""P9: a backlog of 10,000 jobs is drained by 1, 2 and 4 worker processes, each job exactly once.

The jobs are mails that wait to be sent: claimed, rendered, handed to a mail server over SMTP, marked as sent. The mail
server takes everything at once and counts every Message-ID, so that a job done twice cannot hide.
"""

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from typing import Any

from bench.database import execute, rows, until_none
from bench.lab import Lab, Measure
from bench.measure import quotient
from bench.product import Product
from shared.testing import eventually

WORKERS = (1, 2, 4)
_JOBS, _QUICK = 10_000, 200
_BACKLOG = """
    INSERT INTO support.notifications (id, dedupe_key, template, recipient, recipient_name, context)
    SELECT gen_random_uuid(), 'receipt:' || n, 'receipt', 'mieke' || n || '@customers.example', 'Mieke Peeters',
           '{"number": "EZ-1", "amount_minor": 900, "currency": "EUR", "paid_at": "2026-01-01T00:00:00+00:00",
             "hosted_invoice_url": "https://invoice.stripe.com/i/acct_1Qx7B2KpXo3nVw9T/test"}'
      FROM generate_series(1, {count}) n
"""
_DONE = """
    SELECT count(*) FILTER (WHERE state = 'done' AND attempts = 1) AS done,
           extract(epoch FROM max(finished_at) - min(finished_at))::float AS seconds
      FROM support.notifications
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """How one backlog went: jobs per second, jobs marked done at their first attempt, and what the server counted."""

    rate: float
    done: int
    counted: dict[str, int]

    def exactly_once(self, jobs: int) -> int:
        """How many of the jobs were done once and only once."""
        return min(self.done, self.counted["different"] - self.counted["repeated"], jobs)


async def _listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def _drain(lab: Lab, product: Product, workers: int, jobs: int) -> Drained:
    await execute(product.admin_url, "TRUNCATE support.notifications", "CHECKPOINT")
    out, port = lab.directory / "sink.json", product.ports["smtp"]
    sink = lab.start("smtp-sink", [sys.executable, "-m", "bench.smtp_sink", str(port), str(out)])
    await eventually(lambda: _listens(port), what="the mail server")
    for number in range(1, workers + 1):
        product.work("support", number)
    await product.ready()
    await execute(product.admin_url, _BACKLOG.replace("{count}", str(jobs)))
    ready = "SELECT count(*) FROM support.notifications WHERE state = 'ready'"
    await until_none(product.admin_url, ready, f"{workers} workers", patience=400)
    await product.stop()
    await lab.stop(sink)
    counted: dict[str, Any] = json.loads(out.read_text())
    row = (await rows(product.admin_url, _DONE))[0]
    return Drained(jobs / row["seconds"], row["done"], counted)


async def run(lab: Lab, _rounds: int) -> list[Measure]:
    """One round of each number of workers: 10,000 jobs are long enough to be their own median."""
    product = await lab.product("backlog")
    jobs = _QUICK if lab.quick else _JOBS
    found: dict[int, Drained] = {}
    for workers in WORKERS:
        found[workers] = await _drain(lab, product, workers, jobs)
        lab.say(f"P9 {workers} workers: {found[workers].rate:.0f} jobs/s, mail server: {found[workers].counted}")
    once = min(drained.exactly_once(jobs) for drained in found.values())
    rates = {workers: drained.rate for workers, drained in found.items()}
    told = ", ".join(f"{workers} at {rate:.0f}/s (×{quotient(rate, rates[1]):.2f})" for workers, rate in rates.items())
    share = quotient(once, jobs)
    return [
        Measure("P9", f"backlog of {jobs:,} jobs; workers: {told}", "every job exactly once", "jobs", once, jobs,
                share, 1.0, once == jobs, {"rates": rates, "counted": {w: d.counted for w, d in found.items()}})
    ]  # fmt: skip
