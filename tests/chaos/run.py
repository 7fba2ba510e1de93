"""One run from start to verdict: the house in its distributed form, customers, planned faults, rest, judgement."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.chaos.checker import Sources, check, timeline
from tests.chaos.client import GaveUp
from tests.chaos.customers import Customer, Shop
from tests.chaos.links import Links
from tests.chaos.logs import errors_in
from tests.chaos.orders import Order, orders
from tests.chaos.report import Outcome
from tests.chaos.schedule import PROCESSES, Fault, plan
from tests.chaos.servers import Servers
from tests.chaos.staff import Staff
from tests.chaos.supervisor import Supervisor
from tests.chaos.transactions import Transactions
from tests.chaos.trouble import Trouble
from tests.chaos.watch import InFlight, Watch
from tests.support.distributed import Distributed
from tests.support.launching import Launch, executed

CUSTOMERS = 6
# Orders begun per second: about what two cores carry beside the restarts.
RATE = 0.7
_AT_ONCE = 4
_PROGRESS = 5.0
# Longer than three beats of RabbitMQ's heartbeat and two rounds of the minute's sweep.
_REST = 300.0
# Nothing has moved for two rounds of the sweep: nothing will.
_STILL = 130.0
_SHOWN_TIMELINES = 5
# Stripe tries for three days; a run has minutes.
_SETTINGS = {"STRIPE_SANDBOX_RETRY_SCHEDULE": "1,2,4" + ",8" * 40}

Say = Callable[[str], None]


@dataclass
class House:
    """Everything of one run that has been started."""

    deployment: Distributed
    links: Links
    supervisor: Supervisor
    trouble: Trouble
    transactions: Transactions
    watch: Watch
    sources: Sources


@asynccontextmanager
async def house(directory: Path, seed: int, launch: Launch) -> AsyncIterator[House]:
    """The distributed form with a proxy on every link and a supervisor over every process."""
    deployment = Distributed(directory, settings=_SETTINGS, durable=True, launch=launch)
    parts = {name: deployment.ports[name] for name in ("postgres", "stripe", "hypervisor", "smtp", "gateway")}
    links = Links({**parts, "rabbit": deployment.broker.port}, directory / "proxy.log")
    deployment.via = links.ports
    note = partial(_note, directory / "trouble.txt")
    supervisor = Supervisor(deployment, PROCESSES, seed, note)
    servers = Servers(deployment.postgres, deployment.broker)
    trouble = Trouble(deployment, links, supervisor, servers, note)
    try:
        await links.start()
        await deployment.start()
        await trouble.start()
        stripe_url = f"http://127.0.0.1:{deployment.ports['stripe']}"
        stripe_key = deployment.environment["STRIPE_SANDBOX_API_KEY"]
        admin_url = deployment.postgres.admin_url
        yield House(
            deployment,
            links,
            supervisor,
            trouble,
            Transactions(admin_url, seed),
            Watch(admin_url, deployment.broker.url, stripe_url, stripe_key),
            Sources(
                database_url=admin_url,
                stripe_url=stripe_url,
                stripe_key=stripe_key,
                hypervisor_url=deployment.hypervisor_url,
                hypervisor_token=deployment.hypervisor_token,
                mail_url=f"http://127.0.0.1:{deployment.ports['mail']}",
            ),
        )
    finally:
        await supervisor.stop()
        await trouble.stop()
        await deployment.stop()
        await links.stop()


class Run:
    """`go` runs it all; it ends by itself, at the latest after `minutes`."""

    def __init__(
        self, seed: int, count: int, *, minutes: float, say: Say = print, rate: float = RATE, launch: Launch = executed
    ) -> None:
        self.seed = seed
        self.faults: list[Fault] = plan(seed, count)
        self.orders: list[Order] = orders(seed, count)
        self._minutes = minutes
        self._say = say
        self._rate = rate
        self._launch = launch
        self._outcome = Outcome(seed, self.orders)
        self._began = time.time()

    async def go(self) -> Outcome:
        """Runs, judges, and keeps the logs when anything is broken."""
        directory = Path(tempfile.mkdtemp(prefix="ez-chaos-"))
        directory.chmod(0o755)
        self._outcome.logs = directory
        self._say(
            f"seed {self.seed}: {len(self.orders)} orders, {len(self.faults)} planned faults; logs in {directory}"
        )
        for fault in self.faults:
            self._say(f"  {fault}")
        try:
            async with asyncio.timeout(self._minutes * 60), house(directory, self.seed, self._launch) as running:
                await self._through(running)
        except TimeoutError:
            self._outcome.violations.append(f"the run did not end within {self._minutes:g} minutes")
        self._outcome.seconds["the whole run"] = time.time() - self._began
        self._outcome.errors = errors_in(directory)
        if self._outcome.holds:
            shutil.rmtree(directory, ignore_errors=True)
            self._outcome.logs = None
        return self._outcome

    async def _through(self, running: House) -> None:
        outcome, deployment = self._outcome, running.deployment
        outcome.seconds["starting"] = time.time() - self._began
        tables = await running.transactions.install()
        self._say(f"  the house runs at {deployment.url}; one transaction of twenty fails on {tables} tables")
        stripe_url, stripe_key = running.sources.stripe_url, running.sources.stripe_key
        shop = Shop(deployment.url, running.sources.mail_url, stripe_url, stripe_key, self.orders)
        running.supervisor.start()
        began = time.time()
        progress = asyncio.create_task(self._tell(running, shop))
        staff = Staff(deployment.url, shop.answers, self.orders, self.seed)
        deciding = asyncio.create_task(staff.work())
        try:
            await self._storm(running, shop)
            outcome.seconds["customers and faults"] = time.time() - began
            began = time.time()
            await running.transactions.switch_off()
            outcome.never_reached = await running.trouble.clear()
            resting = await self._rest(running, deciding)
            outcome.seconds["coming to rest"] = time.time() - began
        finally:
            await self._end_of(deciding, "staff did not get through with their decisions")
            await self._end_of(progress)
            self._collect(running, shop)
            outcome.violations += staff.violations
            outcome.decided = staff.decided
        outcome.transactions = await running.transactions.count()
        await self._judge(running, shop, resting)

    async def _end_of(self, task: asyncio.Task[None], unfinished: str | None = None) -> None:
        if not task.done() and unfinished is not None:
            self._outcome.violations.append(unfinished)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, GaveUp):
            await task

    def _collect(self, running: House, shop: Shop) -> None:
        outcome, supervisor = self._outcome, running.supervisor
        outcome.injected, outcome.statuses = running.trouble.injected, shop.answers.statuses
        outcome.crashed_at, outcome.deaths = supervisor.crashed_at, supervisor.deaths
        outcome.ended_by_themselves = supervisor.uncalled
        outcome.violations += shop.answers.violations + shop.violations
        outcome.violations += [f"a fault could not be made: {failure}" for failure in running.trouble.failures]

    async def _storm(self, running: House, shop: Shop) -> None:
        """Customers and faults side by side, until both are through."""
        shop.open()
        async with asyncio.TaskGroup() as everybody:
            for number in range(CUSTOMERS):
                customer = Customer(shop, number, self.seed)
                everybody.create_task(customer.shop_until_closing(self._rate))
            everybody.create_task(self._conduct(running.trouble, shop))

    async def _conduct(self, trouble: Trouble, shop: Shop) -> None:
        """Lets each fault begin when its order has come, a few at a time."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(fault: Fault) -> None:
            try:
                await trouble.make(fault)
            finally:
                room.release()

        async with asyncio.TaskGroup() as making:
            for fault in self.faults:
                while shop.begun < fault.at and shop.finished < len(shop.orders):
                    await asyncio.sleep(0.1)
                await room.acquire()
                making.create_task(one(fault))

    async def _tell(self, running: House, shop: Shop) -> None:
        while True:
            await asyncio.sleep(_PROGRESS)
            await running.watch.look(self.orders)
            placed = sum(order.placed_at is not None for order in self.orders)
            paid = sum(order.paid_at is not None for order in self.orders)
            fulfilled = sum(order.status == "fulfilled" for order in self.orders)
            begun, deaths = len(running.trouble.injected), sum(running.supervisor.deaths.values())
            self._say(
                f"  {time.time() - self._began:5.0f} s  placed {placed} · paid {paid} · fulfilled {fulfilled} of "
                f"{len(shop.orders)} · faults {begun} of {len(self.faults)} · processes started again {deaths}"
            )

    async def _rest(self, running: House, deciding: asyncio.Task[None]) -> InFlight:
        """Waits until every order is where it must be, all is decided and nothing is on its way; says what still is."""
        deadline, moving = time.monotonic() + _REST, time.monotonic()
        while True:
            looked = await running.watch.look(self.orders)
            resting = await running.watch.in_flight()
            moving = moving if resting.nothing else time.monotonic()
            at_their_place = all(order.settled for order in self.orders if order.id is not None)
            done = looked and at_their_place and deciding.done()
            if done and resting.nothing and running.supervisor.everybody_runs:
                self._outcome.verdict = await check(running.sources)
                if self._outcome.verdict.holds:
                    return resting
            if time.monotonic() > deadline or time.monotonic() > moving + _STILL:
                return resting
            await asyncio.sleep(2)

    async def _judge(self, running: House, shop: Shop, resting: InFlight) -> None:
        outcome = self._outcome
        if not resting.nothing:
            outcome.violations.append(f"after {_REST:g} s there is still on its way: {resting}")
        wrong = [order for order in self.orders if not order.settled]
        for order in wrong:
            expected = " or ".join(order.expected())
            outcome.violations.append(
                f"order {order.number} {order.id} ({order.behaviour}) is {order.status}, expected {expected}"
            )
        made = await running.watch.orders_of([order.hostname for order in self.orders])
        outcome.violations += [
            f"order {order.number}: its clicks made {made.get(order.hostname, 0)} orders"
            for order in self.orders
            if made.get(order.hostname, 0) != 1
        ]
        outcome.violations += await running.watch.rights(self.orders)
        outcome.violations += await running.watch.dead_rows()
        outcome.verdict = await check(running.sources)
        broken = [order_id for finding in outcome.verdict.broken for order_id in finding.ids]
        for order_id in _shown([order.id for order in wrong], broken):
            outcome.timelines[order_id] = await timeline(running.sources, order_id)


def _note(file: Path, what: str) -> None:
    with file.open("a") as book:
        book.write(f"{datetime.now(UTC):%H:%M:%S.%f} {what}\n")


def _shown(orders_at_fault: Sequence[str | None], named: Sequence[str]) -> list[str]:
    found = [order_id for order_id in (*orders_at_fault, *named) if order_id and order_id.startswith("ord_")]
    return list(dict.fromkeys(found))[:_SHOWN_TIMELINES]
