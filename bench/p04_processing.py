"""P4: stored events take effect, and what they mean is published: renewals of known customers.

Both sides take the events in first, with nobody to process them; then their workers start and the backlog is drained.
Ours: `ez work billing` applies each event and its relay publishes the facts, counted until the broker has confirmed
the last. The peer's Celery workers bring their mirror up to date and mark the event; they publish nothing.
"""

from bench.broker import declare, purge, waiting
from bench.database import execute, rows, until_none, until_some
from bench.django_peer import SECRET, THREADS, DjangoPeer
from bench.lab import Lab, Measure
from bench.measure import median, quotient, reaches
from bench.product import Product
from bench.profiles import profile, told
from bench.traffic import open_loop

PAYERS = 500
_OURS, _PEER = (1000.0, 8.0), (250.0, 6.0)  # deliveries per second, and for how long
_QUICK = 1.0
_CELERY = (2, 4)

_SEED = (
    """
    INSERT INTO billing.payers (account_id, user_id, email, name, account_name, stripe_customer_id, created_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'payer' || n || '@customers.example', 'Mieke Peeters', 'Peeters',
           'cus_bench' || lpad(n::text, 5, '0'), now() FROM generate_series(0, $1 - 1) n
    """,
    """
    INSERT INTO billing.checkouts (id, order_id, order_number, account_id, currency, total_minor, lines,
           order_expires_at, attempt, stripe_customer_id, stripe_session_id, stripe_subscription_id, paid_at,
           checked_at, created_at, status, version)
    SELECT gen_random_uuid(), gen_random_uuid(), 'EZ-' || n, p.account_id, 'EUR', 900, '[]', now(), 1,
           p.stripe_customer_id, 'cs_test_bench' || n, 'sub_bench' || lpad(n::text, 15, '0'), now(), now(), now(),
           'paid', 2
      FROM generate_series(0, $1 - 1) n
      JOIN billing.payers p ON p.stripe_customer_id = 'cus_bench' || lpad(n::text, 5, '0')
    """,
    """
    INSERT INTO billing.payment_groups (id, checkout_id, order_id, account_id, interval, currency, starts,
           stripe_subscription_id, status, announced, paid_at, revision, created_at)
    SELECT gen_random_uuid(), id, order_id, account_id, 'month', 'EUR', 'payment', stripe_subscription_id, 'active',
           'started', now(), 0, now()
      FROM billing.checkouts
    """,
    """
    INSERT INTO billing.payment_group_items (group_id, item_id, price_id, quantity, live_units, unit_amount_minor)
    SELECT id, gen_random_uuid(), gen_random_uuid(), 1, 1, 900 FROM billing.payment_groups
    """,
    """
    INSERT INTO billing.subscriptions (stripe_subscription_id, account_id, order_id, status, cancel_at_period_end,
           as_of, as_of_order, as_of_event)
    SELECT stripe_subscription_id, account_id, order_id, 'active', false, now() - interval '30 days', 0, ''
      FROM billing.checkouts
    """,
)
_LEFT = """
    SELECT (SELECT count(*) FROM billing.stripe_events WHERE state <> 'done')
         + (SELECT count(*) FROM billing.outbox WHERE state <> 'done')
"""
_DRAINED = """
    SELECT count(*) AS events, count(*) FILTER (WHERE type = 'invoice.paid') AS invoices,
           (SELECT count(*) FROM billing.outbox) AS facts,
           extract(epoch FROM greatest(max(finished_at), (SELECT max(finished_at) FROM billing.outbox))
                              - min(finished_at))::float AS seconds
      FROM billing.stripe_events
"""
_PEER_LEFT = "SELECT count(*) FROM hooks_stripeevent WHERE processed_at IS NULL"
_PEER_DRAINED = """
    SELECT count(*) AS events, extract(epoch FROM max(processed_at) - min(processed_at))::float AS seconds
      FROM hooks_stripeevent
"""


async def seed(admin_url: str) -> None:
    """Customers who have bought before: payer, paid checkout, subscription."""
    for statement in _SEED:
        await execute(admin_url, statement.replace("$1", str(PAYERS)))


class Processing:
    """Both sides, and how each drains."""

    def __init__(self, lab: Lab, product: Product, peer: DjangoPeer) -> None:
        self._lab = lab
        self._product = product
        self._peer = peer
        self._rounds = 0
        self._profile: dict[str, float] = {}

    def _load(self, normal: tuple[float, float]) -> dict[str, float]:
        rate, seconds = normal
        return {"rate": rate, "seconds": _QUICK if self._lab.quick else seconds}

    async def profile(self) -> dict[str, float]:
        """Whose code the worker's time goes to, in a round that counts for nothing else."""
        await self.ours(profiled=True)
        return self._profile

    async def ours(self, *, profiled: bool = False) -> tuple[float, float]:
        """Events per second, and CPU milliseconds per event of worker, PostgreSQL and broker."""
        url = self._product.admin_url
        await execute(url, "TRUNCATE billing.stripe_events, billing.outbox, billing.invoices", "CHECKPOINT")
        await purge(self._lab.broker.url)
        self._rounds += 1
        await open_loop(
            self._lab.directory / "sent", self._product.ports["billing"], self._product.webhook_secret,
            **self._load(_OURS), run=f"dr{self._rounds:04d}", payers=PAYERS,
        )  # fmt: skip
        worker = self._product.work("billing")
        counted = [worker.pid, self._lab.postgres_pid, self._lab.broker.pid]
        before = self._lab.cpu(counted)
        if profiled:
            begun = "SELECT count(*) FROM billing.stripe_events WHERE state = 'done'"
            await until_some(url, begun, "billing's worker")
            self._profile = await profile(self._lab, worker.pid, 2 if self._lab.quick else 5)
        await until_none(url, _LEFT, "billing's worker")
        used = self._lab.cpu(counted) - before
        await self._product.stop(worker)
        row = (await rows(url, _DRAINED))[0]
        published = await waiting(self._lab.broker.url, "support")
        # Each renewal is told twice: that its invoice is paid, which support hears, and until when its items are paid.
        if not 2 * row["invoices"] == row["facts"] == 2 * published:
            raise RuntimeError(f"{row['invoices']} invoices, {row['facts']} facts, {published} at the broker")
        return row["events"] / row["seconds"], 1000 * used / row["events"]

    async def peer(self, processes: int) -> float:
        """The peer's events per second with so many Celery processes."""
        await self._peer.empty()
        await execute(self._peer.database_url, "CHECKPOINT")
        self._rounds += 1
        await open_loop(
            self._lab.directory / "sent", self._peer.port, SECRET,
            **self._load(_PEER), run=f"dr{self._rounds:04d}", payers=PAYERS,
        )  # fmt: skip
        worker = self._peer.work(processes)
        await until_none(self._peer.database_url, _PEER_LEFT, "the peer's workers")
        await self._lab.stop(worker)
        row = (await rows(self._peer.database_url, _PEER_DRAINED))[0]
        return float(row["events"] / row["seconds"])


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """Interleaved rounds: ours, the peer."""
    product, peer = await lab.product("processing"), await DjangoPeer.create(lab)
    await seed(product.admin_url)
    await declare(lab.broker.url)
    product.serve("billing")
    await peer.serve(THREADS)  # a sync worker would wait for every idle connection of the sender's
    await product.ready()
    processing = Processing(lab, product, peer)
    tried = {processes: await processing.peer(processes) for processes in _CELERY}
    best = max(tried, key=lambda processes: tried[processes])
    ours: list[float] = []
    cpu: list[float] = []
    theirs = [tried[best]]
    for number in range(1, rounds + 1):
        rate, milliseconds = await processing.ours()
        ours.append(rate)
        cpu.append(milliseconds)
        if number > 1:
            theirs.append(await processing.peer(best))
        lab.say(f"P4 round {number}: {rate:.0f} events/s, {milliseconds:.1f} ms CPU each; peer {theirs[-1]:.0f}/s")
    profiled = await processing.profile()
    await product.stop()
    await purge(lab.broker.url)  # nobody took the facts, and whoever is measured next must not
    ratio = quotient(median(ours), median(theirs))
    detail = {
        "ours": ours,
        "CPU ms per event (worker, PostgreSQL, broker)": cpu,
        "peer": theirs,
        "peer's Celery processes tried": tried,
    }
    return [
        Measure("P4", "event → processed and fact confirmed by the broker (renewals)",
                f"Django + Celery, {best} processes: event → processed", "events/s",
                median(ours), median(theirs), ratio, 15.0, reaches(ratio, 15.0), detail,
                told(profiled, "billing's worker"))
    ]  # fmt: skip
