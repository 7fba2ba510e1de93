"""Webhook delivery: signed, retried, bounded. At least once: a delivery cut off by a crash is sent again."""

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import aiohttp

from sandbox.stripe import renewals, signing
from sandbox.stripe.resources import checkout_sessions
from sandbox.stripe.store import Where
from sandbox.stripe.work import CLOCK, Sandbox

_log = logging.getLogger(__name__)
_IDLE_SECONDS = 0.5
_TICK_SECONDS = 0.2
_USER_AGENT = "Stripe/1.0 (+https://stripe.com/docs/webhooks)"


@dataclass(frozen=True)
class Attempt:
    """One request to the webhook URL. `kind` is scheduled, duplicate, resend or forged."""

    kind: str
    status: int | None
    error: str | None
    duration_ms: int

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it: any 2xx; redirects count as failures, as at Stripe."""
        return self.status is not None and 200 <= self.status < 300


class Dispatcher:
    """Sends what is due, one task per event, at most `delivery_concurrency` at once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(sandbox.settings.delivery_concurrency)
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._client: aiohttp.ClientSession | None = None
        self._last_tick = 0.0
        sandbox.on_commit = self._wake.set

    async def run(self) -> None:
        """Runs until cancelled."""
        timeout = aiohttp.ClientTimeout(total=self._sandbox.settings.delivery_timeout_seconds)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as client:
            self._client = client
            try:
                while True:
                    self._wake.clear()
                    self._pass_time()
                    self._start_due()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._seconds_until_next()):
                            await self._wake.wait()
            finally:
                self._client = None
                for task in self._in_flight.values():
                    task.cancel()
                await asyncio.gather(*self._in_flight.values(), return_exceptions=True)

    def _pass_time(self) -> None:
        """Lets sessions expire, subscriptions renew and test clocks move; at most every _TICK_SECONDS, for it reads
        the store, or at once when a clock is to move."""
        early = time.monotonic() - self._last_tick < _TICK_SECONDS
        if early and not self._sandbox.store.find(CLOCK, [Where("status", "eq", "advancing")], limit=1):
            return
        self._last_tick = time.monotonic()
        on_commit, self._sandbox.on_commit = self._sandbox.on_commit, lambda: None
        try:
            with self._sandbox.work() as work:
                checkout_sessions.close_overdue(work)
                renewals.advance_due(work)
        finally:
            self._sandbox.on_commit = on_commit

    def _start_due(self) -> None:
        faults = self._sandbox.faults
        if faults.webhooks.paused:
            return
        room = self._sandbox.settings.delivery_concurrency * 2 - len(self._in_flight)
        rows = self._sandbox.store.connection.execute(
            "SELECT event_id, payload FROM deliveries WHERE state = 'pending' AND due_at <= ? "
            "ORDER BY due_at, rowid LIMIT ?",
            (time.time(), max(room, 0) + len(self._in_flight)),
        ).fetchall()
        due = [row for row in rows if row["event_id"] not in self._in_flight][: max(room, 0)]
        if faults.webhooks.shuffle:
            faults.random.shuffle(due)
        for row in due:
            event_id = row["event_id"]
            task = asyncio.create_task(self._deliver(event_id, row["payload"]))
            self._in_flight[event_id] = task
            task.add_done_callback(partial(self._finished, event_id))

    def _finished(self, event_id: str, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(event_id, None)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("delivery of %s crashed", event_id, exc_info=task.exception())

    def _seconds_until_next(self) -> float:
        if self._sandbox.faults.webhooks.paused:
            return _IDLE_SECONDS
        row = self._sandbox.store.connection.execute(
            "SELECT min(due_at) AS due FROM deliveries WHERE state = 'pending' AND due_at > ?", (time.time(),)
        ).fetchone()
        if row["due"] is None:
            return _IDLE_SECONDS
        return float(min(max(row["due"] - time.time(), 0.005), _IDLE_SECONDS))

    async def _deliver(self, event_id: str, payload: bytes) -> None:
        async with self._slots:
            faults = self._sandbox.faults
            for kind in faults.take_forgeries():
                await self.forge(event_id, payload, kind)
            kinds = ["scheduled"] + ["duplicate"] * (faults.webhooks.duplicates - 1)
            attempts = await asyncio.gather(*(self._send(event_id, payload, kind) for kind in kinds))
        self._settle(event_id, list(attempts))

    async def resend(self, event_id: str, payload: bytes, *, times: int, concurrent: bool) -> list[Attempt]:
        """Sends again, each time newly signed; an accepted one settles a delivery that was still open."""
        if concurrent:
            attempts = list(await asyncio.gather(*(self._send(event_id, payload, "resend") for _ in range(times))))
        else:
            attempts = [await self._send(event_id, payload, "resend") for _ in range(times)]
        if any(attempt.accepted for attempt in attempts):
            self._settle(event_id, attempts)
        return attempts

    async def forge(self, event_id: str, payload: bytes, kind: str) -> Attempt:
        """Sends what an attacker of that kind would (faults.FORGERIES and MISDIRECTED); never settles the delivery."""
        settings = self._sandbox.settings
        body, header = signing.forged(kind, payload, settings.webhook_secret, int(settings.now()))
        return await self._send(event_id, body, "forged", header)

    async def _send(self, event_id: str, body: bytes, kind: str, forged_header: str | None = None) -> Attempt:
        settings, started = self._sandbox.settings, time.time()
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": _USER_AGENT}
        if kind != "forged":
            headers["Stripe-Signature"] = signing.header(body, settings.webhook_secret, int(settings.now()))
        elif forged_header is not None:
            headers["Stripe-Signature"] = forged_header
        status, error = None, None
        if self._client is None or settings.webhook_url is None:
            error = "no webhook URL is configured"
        else:
            try:
                async with self._client.post(
                    settings.webhook_url, data=body, headers=headers, allow_redirects=False
                ) as response:
                    status = response.status
                    await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as failure:
                error = f"{type(failure).__name__}: {failure}"[:300]
        attempt = Attempt(kind, status, error, int((time.time() - started) * 1000))
        self._sandbox.store.connection.execute(
            "INSERT INTO delivery_attempts (event_id, kind, sent_at, duration_ms, status, error) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (event_id, kind, started, attempt.duration_ms, status, error),
        )
        return attempt

    def _settle(self, event_id: str, attempts: list[Attempt]) -> None:
        connection, schedule = self._sandbox.store.connection, self._sandbox.settings.retry_schedule
        row = connection.execute("SELECT attempts FROM deliveries WHERE event_id = ?", (event_id,)).fetchone()
        if row is None:
            return  # the sandbox was reset meanwhile
        made, last = row["attempts"] + 1, attempts[0]
        state, due_at = "exhausted", time.time()
        if any(attempt.accepted for attempt in attempts):
            state = "delivered"
        elif made <= len(schedule):
            state, due_at = "pending", time.time() + schedule[made - 1]
        connection.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, due_at = ?, last_status = ?, last_error = ? "
            "WHERE event_id = ?",
            (state, made, due_at, last.status, last.error, event_id),
        )
