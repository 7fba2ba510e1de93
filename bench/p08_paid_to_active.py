"""P8: from paid to active, every API and every worker a process of its own, with a hypervisor that takes no time.

Latency: orders are paid at five a second; it counts from the moment the payment is begun at Stripe to the moment the
service is recorded as active, webhook and five processes in between. Maximum: paid orders pile up while nobody
processes Stripe's events, then billing's worker starts and the rest follows; beside it stands how many orders
PostgreSQL alone could commit, counting the writing transactions that one order takes.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from bench.database import execute, until_none, until_some, value
from bench.journeys import STAGES, Journey, journeys, slowest_stage
from bench.lab import Lab, Measure
from bench.measure import median, percentile, quotient, reaches
from bench.pgbench import pgbench
from bench.product import Product
from bench.profiles import profile, told
from bench.shop import Shop
from ez.embedded.environment import SERVICES
from shared.testing import eventually

RATE = 5.0
LONGEST_P95 = 400.0
# Orders of one round; the sandbox's network has 241 addresses for all rounds and the one that is profiled.
_LATENCY, _MAXIMUM, _PROFILED = 45, 50, 45
_QUICK = 8
_PROFILED_SECONDS = 3
_CLIENTS = 16
_COMMIT = "INSERT INTO public.commits (at) VALUES (now());"


@dataclass(slots=True)
class _Seen:
    """Over the rounds: each order's journey, orders a second, writing transactions per order, commits a second, and
    milliseconds of CPU per order by process."""

    journeys: list[list[Journey]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    transactions: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)

    def quantiles(self, share: float) -> list[float]:
        """That share of every round's orders took no more milliseconds."""
        return [percentile([journey.total for journey in journeys], share) for journeys in self.journeys]


class Deployment:
    """The whole distributed form."""

    def __init__(self, lab: Lab, product: Product) -> None:
        self._lab = lab
        self._product = product
        self._delivered = 0

    async def start(self) -> None:
        """Seeds it and starts every process."""
        product = self._product
        product.to_end("seed", "--people")
        ports = product.ports
        product.run("stripe", "-m", "sandbox.stripe", "--port", str(ports["stripe"]))
        product.run("hypervisor", "-m", "sandbox.hypervisor", "--port", str(ports["hypervisor"]), "--time-scale", "0")
        product.run("mail", "-m", "sandbox.mail", "--port", str(ports["mail"]), "--smtp-port", str(ports["smtp"]))
        for service in SERVICES:
            product.serve(service)
            product.work(service)
        product.serve("gateway")
        await product.ready()

    async def latency(self, shop: Shop, count: int) -> list[Journey]:
        """How so many orders went from paid to active, paid at RATE."""
        paid = await shop.pay_at(await shop.orders(count), RATE)
        await self._settled(count)
        return await journeys(self._product.admin_url, paid)

    async def maximum(
        self, shop: Shop, count: int, profiled: dict[str, float] | None = None
    ) -> tuple[float, float, dict[str, float]]:
        """Orders per second, writing transactions and milliseconds of CPU per order, of so many that wait as paid.

        `profiled`, when given, is filled with whose code provisioning's worker runs meanwhile.
        """
        url = self._product.admin_url
        orders = await shop.orders(count)
        await self._product.stop(next(found for found in self._product.processes if found.name == "billing-worker-1"))
        await asyncio.gather(*(shop.pay(session) for _order, session in orders))

        async def delivered() -> bool:
            return await shop.undelivered() == 0

        await eventually(delivered, within=60, every=0.5, what="Stripe's deliveries")
        seq = await value(url, "SELECT coalesce(max(seq), 0) FROM billing.stripe_events WHERE state = 'done'")
        before = await self._transactions()
        worker = self._product.work("billing", 1)
        begun = f"SELECT count(*) FROM billing.stripe_events WHERE state = 'done' AND seq > {seq}"
        await until_some(url, begun, "billing's worker")
        used = self._cpu()  # without what the worker needs to start
        if profiled is not None:
            busiest = next(found for found in self._product.processes if found.name == "provisioning-worker-1")
            profiled.update(await profile(self._lab, busiest.pid, _PROFILED_SECONDS))
        await self._settled(count)
        transactions = (await self._transactions() - before) / count
        cpu = {name: 1000 * (seconds - used.get(name, 0.0)) / count for name, seconds in self._cpu().items()}
        seconds = await value(
            url,
            """
            SELECT extract(epoch FROM
                   (SELECT max(activated_at) FROM provisioning.resources)
                   - (SELECT min(finished_at) FROM billing.stripe_events WHERE seq > $1))::float
            """,
            seq,
        )
        assert worker.popen.poll() is None, worker.tail()
        return count / seconds, transactions, {name: ms for name, ms in cpu.items() if ms >= 1}

    def _cpu(self) -> dict[str, float]:
        """Seconds of CPU so far, by process."""
        servers = {"PostgreSQL": self._lab.postgres_pid, "RabbitMQ": self._lab.broker.pid}
        pids = {process.name: process.pid for process in self._product.processes} | servers
        return {name: self._lab.cpu([pid]) for name, pid in pids.items()}

    async def _settled(self, count: int) -> None:
        """Waits until so many more orders have an active service, and nothing of theirs is left to be done."""
        self._delivered += count
        active = "SELECT count(*) FROM provisioning.resources WHERE status = 'active'"
        await until_none(self._product.admin_url, active, "active services", patience=180, left=self._delivered)
        left = " + ".join(
            f"(SELECT count(*) FROM {table} WHERE state = 'ready')"
            for table in (
                "billing.stripe_events",
                "billing.outbox",
                "catalog.outbox",
                "provisioning.outbox",
                "support.notifications",
            )
        )
        await until_none(self._product.admin_url, f"SELECT {left}", "what follows", patience=120)

    async def _transactions(self) -> int:
        """How many transactions have written anything in this cluster so far: each of them is a commit on disk."""
        query = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
        return int(await value(self._product.admin_url, query))


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """Rounds of both, and of PostgreSQL alone."""
    product = await lab.product(
        "orders", SANDBOX_HYPERVISOR_TIME_SCALE="0", GATEWAY_REQUESTS_PER_SECOND="10000", GATEWAY_REQUEST_BURST="10000"
    )
    _let_sandboxes_know(product, lab.secrets["hypervisor_token"])
    await execute(product.admin_url, "CREATE TABLE public.commits (id bigserial PRIMARY KEY, at timestamptz)")
    deployment, seen = Deployment(lab, product), _Seen()
    await deployment.start()
    lab.say("P8 every API and worker is ready")
    async with Shop(product) as shop:
        for number in range(1, rounds + 1):
            seen.journeys.append(await deployment.latency(shop, _QUICK if lab.quick else _LATENCY))
            rate, transactions, cpu = await deployment.maximum(shop, _QUICK if lab.quick else _MAXIMUM)
            seen.cpu.append(cpu)
            seen.rates.append(rate)
            seen.transactions.append(transactions)
            seconds = 1 if lab.quick else 5
            seen.commits.append(
                await pgbench(lab, product.admin_url, _COMMIT, clients=_CLIENTS, seconds=seconds)
            )  # while everything idles beside it
            lab.say(
                f"P8 round {number}: p50 {seen.quantiles(0.5)[-1]:.0f} ms, p95 {seen.quantiles(0.95)[-1]:.0f} ms; "
                f"at most {rate:.1f} orders/s, {transactions:.0f} transactions each; "
                f"PostgreSQL {seen.commits[-1]:.0f} commits/s"
            )
        profiled: dict[str, float] = {}
        await deployment.maximum(shop, _QUICK if lab.quick else _PROFILED, profiled)  # counts for nothing else
    await product.stop()
    return _measures(seen, profiled)


def _let_sandboxes_know(product: Product, hypervisor_token: str) -> None:
    """The sandboxes run as separate processes and read the other half of our secrets."""
    values = product.environment
    values |= {
        "STRIPE_SANDBOX_API_KEY": values["BILLING_STRIPE_SECRET_KEY"],
        "STRIPE_SANDBOX_WEBHOOK_SECRET": values["BILLING_STRIPE_WEBHOOK_SECRETS"],
        "STRIPE_SANDBOX_WEBHOOK_URL": f"{product.address('gateway')}/webhooks/stripe",
        "STRIPE_SANDBOX_PUBLIC_URL": values["BILLING_STRIPE_API_BASE"],
        "SANDBOX_HYPERVISOR_TOKEN_SECRET": hypervisor_token,
    }


def _measures(seen: _Seen, profiled: dict[str, float]) -> list[Measure]:
    p95 = median(seen.quantiles(0.95))
    share = quotient(p95, LONGEST_P95)
    met = reaches(share, 1.0, at_most=True)
    # The fewest of all rounds: autovacuum's transactions are counted too and can only add.
    rate, transactions, commits = median(seen.rates), min(seen.transactions), median(seen.commits)
    bound = quotient(commits, transactions)
    cpu = {name: median([each.get(name, 0.0) for each in seen.cpu]) for name in sorted(seen.cpu[-1])}
    cpu = dict(sorted(cpu.items(), key=lambda item: -item[1]))
    busiest = ", ".join(f"{name} {ms:.0f}" for name, ms in list(cpu.items())[:4])
    where = f"an order costs {sum(cpu.values()):.0f} ms of CPU on these cores ({busiest}). "
    detail: dict[str, Any] = {
        "p50 ms": seen.quantiles(0.5),
        "p95 ms": seen.quantiles(0.95),
        "longest ms": seen.quantiles(1.0),
        "median ms of each stage": {
            stage: median([journey.stages[stage] for journeys in seen.journeys for journey in journeys])
            for stage in STAGES
        },
        "orders/s": seen.rates,
        "writing transactions per order": seen.transactions,
        "PostgreSQL's commits/s": seen.commits,
        "CPU ms per order at the maximum": cpu,
    }
    maximum = quotient(rate, bound)
    return [
        Measure("P8", f"paid → active at {RATE:.0f} orders/s, instant provider, distributed form; p95",
                f"{LONGEST_P95:.0f} ms", "ms", p95, LONGEST_P95, share, 1.0,
                met, detail, "" if met else slowest_stage(detail["median ms of each stage"]), at_most=True),
        Measure("P8.max", "paid → active, as many as go",
                f"PostgreSQL's commits ÷ {transactions:.0f} writing transactions per order", "orders/s",
                rate, bound, maximum, 0.25, reaches(maximum, 0.25), {},
                where + told(profiled, "provisioning's worker")),
    ]  # fmt: skip
