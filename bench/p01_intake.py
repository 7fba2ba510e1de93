"""P1 and P2: Stripe's webhooks taken in, as fast as 16 and 64 connections send them.

Beside us: Django and Celery doing the same, and PostgreSQL alone inserting the same row, one commit each. On both
sides nothing processes the events meanwhile: that is P4. Our form is one `ez serve billing` process.
"""

import asyncio
import string

from bench.database import execute
from bench.django_peer import SECRET, WEB, DjangoPeer
from bench.lab import Lab, Measure
from bench.measure import median, quotient, reaches
from bench.payloads import EventMaker
from bench.pgbench import pgbench
from bench.product import Product
from bench.profiles import profile, told
from bench.replay import Load, replay

CONNECTIONS = (16, 64)
_OURS_EXPECTED, _PEER_EXPECTED = 12_000, 1_200
_CLIENTS = 16
_INSERT = """
INSERT INTO billing.stripe_events
       (id, type, api_version, stripe_created_at, livemode, object_id, payload, trace)
VALUES ('evt_' || gen_random_uuid(), 'invoice.paid', '2026-10-28.endive', now(), false, 'in_1', :payload, NULL)
ON CONFLICT (id) DO NOTHING;
"""


class _Rounds:
    """What was seen so far, by number of connections."""

    def __init__(self) -> None:
        self.ours: dict[int, list[Load]] = {count: [] for count in CONNECTIONS}
        self.peer: dict[int, list[Load]] = {count: [] for count in CONNECTIONS}
        self.limit: list[float] = []


class Intake:
    """Both sides, ready to take webhooks."""

    def __init__(self, lab: Lab, product: Product, peer: DjangoPeer) -> None:
        self._lab = lab
        self._product = product
        self._peer = peer
        self._seconds = 1.0 if lab.quick else 6.0
        self._number = 0

    def _events(self) -> EventMaker:
        self._number += 1
        letters = string.ascii_uppercase
        return EventMaker(f"in{self._number:03d}{letters[self._number % 26]}", seed=self._number)

    async def ours(self, pid: int, connections: int, seconds: float | None = None) -> Load:
        """A round of ours, into an empty table."""
        await execute(self._product.admin_url, "TRUNCATE billing.stripe_events", "CHECKPOINT")
        return await replay(
            self._lab, self._product.ports["billing"], self._events(), self._product.webhook_secret,
            connections=connections, seconds=seconds or self._seconds, expected=_OURS_EXPECTED,
            counted=[pid, self._lab.postgres_pid, self._lab.broker.pid],
        )  # fmt: skip

    async def peer(self, pid: int, connections: int, seconds: float | None = None) -> Load:
        """A round of the peer's, into an empty table and queue."""
        await self._peer.empty()
        await execute(self._peer.database_url, "CHECKPOINT")
        return await replay(
            self._lab, self._peer.port, self._events(), SECRET,
            connections=connections, seconds=seconds or self._seconds, expected=_PEER_EXPECTED,
            counted=[pid, self._lab.postgres_pid, self._lab.broker.pid],
        )  # fmt: skip

    async def limit(self) -> float:
        """Rows per second PostgreSQL inserts with one commit each."""
        await execute(self._product.admin_url, "TRUNCATE billing.stripe_events", "CHECKPOINT")
        body = self._events().event().body.decode()
        return await pgbench(
            self._lab, self._product.admin_url, _INSERT,
            clients=_CLIENTS, seconds=self._seconds, variables={"payload": body},
        )  # fmt: skip

    async def faster_web(self) -> tuple[str, dict[str, float]]:
        """Which way of running gunicorn acknowledges more here, and what each did."""
        rates: dict[str, float] = {}
        for web in WEB:
            process = await self._peer.serve(web)
            rates[web] = (await self.peer(process.pid, CONNECTIONS[0], seconds=1 if self._lab.quick else 3)).per_second
            await self._lab.stop(process)
        return max(rates, key=lambda web: rates[web]), rates


async def run(lab: Lab, rounds: int) -> list[Measure]:
    """Interleaved rounds: ours, the peer, the limit."""
    product, peer = await lab.product("intake"), await DjangoPeer.create(lab)
    intake = Intake(lab, product, peer)
    web, tried = await intake.faster_web()
    lab.say(f"P1 the peer runs with {web} ({', '.join(f'{name}: {rate:.0f}/s' for name, rate in tried.items())})")
    seen = _Rounds()
    api, gunicorn = product.serve("billing"), await peer.serve(web)
    await product.ready()
    await intake.ours(api.pid, CONNECTIONS[0], seconds=1)  # connections and caches are warm from here on
    for number in range(1, rounds + 1):
        for connections in CONNECTIONS:
            seen.ours[connections].append(await intake.ours(api.pid, connections))
            seen.peer[connections].append(await intake.peer(gunicorn.pid, connections))
            ours, theirs = seen.ours[connections][-1], seen.peer[connections][-1]
            lab.say(
                f"P1 round {number}, {connections} connections: {ours.per_second:.0f}/s, p99 {ours.p99:.1f} ms, "
                f"{ours.cpu_ms:.2f} ms CPU; peer {theirs.per_second:.0f}/s, {theirs.p99:.0f} ms, {theirs.cpu_ms:.2f} ms"
            )
        seen.limit.append(await intake.limit())
        lab.say(f"P2 round {number}: PostgreSQL alone {seen.limit[-1]:.0f} rows/s")
    profiling = asyncio.create_task(profile(lab, api.pid, 2 if lab.quick else 8))
    await intake.ours(api.pid, CONNECTIONS[-1])  # a round that counts for nothing else: sampling slows it down
    profiled = await profiling
    await product.stop()
    await lab.stop(gunicorn)
    return _measures(seen, {"peer": web, "peers tried at 16 connections": tried}, profiled)


def _measures(seen: _Rounds, settings: dict[str, object], profiled: dict[str, float]) -> list[Measure]:
    rate, cpu, p99 = (_beside(seen, name) for name in ("per_second", "cpu_ms", "p99"))
    detail = {"settings": settings, **{f"{count} connections": _loads(seen, count) for count in CONNECTIONS}}
    goals = {"acks/s": (rate, 20.0, False), "CPU": (cpu, 0.05, True), "p99": (p99, 0.1, True)}
    met = {name: reaches(found[2], goal, at_most=at_most) for name, (found, goal, at_most) in goals.items()}
    all_met = all(met.values())
    limit = median(seen.limit)
    ours16 = median([load.per_second for load in seen.ours[_CLIENTS]])
    share = quotient(ours16, limit)
    peer = "Django + gunicorn + Celery"
    return [
        Measure("P1", "webhook intake, worse of 16 and 64 connections", peer, "acks/s", *rate, 20.0, all_met,
                detail, _missing(met, profiled)),
        Measure("P1.cpu", "the same: CPU of web, PostgreSQL and broker", peer, "ms/event", *cpu, 0.05,
                met["CPU"], at_most=True),
        Measure("P1.p99", "the same: 99th percentile", peer, "ms", *p99, 0.1, met["p99"], at_most=True),
        Measure("P2", "webhook intake, 16 connections", "pgbench, the same row, one INSERT per commit, 16 clients",
                "rows/s", ours16, limit, share, 0.8, reaches(share, 0.8), {"pgbench": seen.limit},
                "" if reaches(share, 0.8) else "bound by the API's CPU time, as P1 shows"),
    ]  # fmt: skip


def _beside(seen: _Rounds, name: str) -> tuple[float, float, float]:
    """Ours, the peer's and their ratio, at the number of connections where the ratio is the least good for us."""
    found = []
    for count in CONNECTIONS:
        ours = median([getattr(load, name) for load in seen.ours[count]])
        peer = median([getattr(load, name) for load in seen.peer[count]])
        found.append((ours, peer, quotient(ours, peer)))
    return min(found, key=lambda item: item[2]) if name == "per_second" else max(found, key=lambda item: item[2])


def _loads(seen: _Rounds, count: int) -> dict[str, list[dict[str, float]]]:
    return {
        side: [
            {"per_second": load.per_second, "p50": load.p50, "p99": load.p99, "cpu_ms": load.cpu_ms,
             "refused": load.refused, "broken": load.broken}
            for load in loads[count]
        ]
        for side, loads in (("ours", seen.ours), ("peer", seen.peer))
    }  # fmt: skip


def _missing(met: dict[str, bool], profiled: dict[str, float]) -> str:
    missed = [name for name, reached in met.items() if not reached]
    return f"not reached: {', '.join(missed)}. {told(profiled, 'the API')}" if missed else ""
