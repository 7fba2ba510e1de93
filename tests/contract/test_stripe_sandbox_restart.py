"""The sandbox as its own process: started from the command line, killed without warning, started again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.stripe import StripeSandboxSettings
from tests.support.stripe_sandbox import (
    API_KEY,
    WEBHOOK_SECRET,
    RunningSandbox,
    attached,
    eventually,
    free_port,
    receiver,
    subscription_session,
)

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def process(port: int, state: Path, webhook_url: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """`python -m sandbox.stripe` on that port; ended when the block is left, if it still runs."""
    environ = {
        **os.environ,
        "STRIPE_SANDBOX_API_KEY": API_KEY,
        "STRIPE_SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "STRIPE_SANDBOX_WEBHOOK_URL": webhook_url,
        "STRIPE_SANDBOX_RETRY_SCHEDULE": "0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2,0.2",
    }
    arguments = [sys.executable, "-m", "sandbox.stripe", "--port", str(port), "--state-path", str(state)]
    running = subprocess.Popen(arguments, cwd=ROOT, env=environ)
    try:
        async with httpx.AsyncClient() as probe:
            for _ in range(500):
                try:
                    await probe.get(f"http://127.0.0.1:{port}/")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
        yield running
    finally:
        if running.poll() is None:
            running.terminate()
        running.wait(10)


async def _kill(running: subprocess.Popen[bytes]) -> None:
    running.send_signal(signal.SIGKILL)
    await asyncio.to_thread(running.wait, 10)


async def test_state_keys_and_pending_deliveries_survive_kill_9(tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "stripe.sqlite"
    url, refused = f"http://127.0.0.1:{port}", {"key": "kill-9"}
    async with receiver() as target, attached(url) as sandbox:
        target.answer = lambda _entry: 503
        async with process(port, state, target.url) as running:
            session = await subscription_session(sandbox)
            await sandbox.pay(session.id)
            first = await _customer(sandbox, refused["key"])
            before = await _snapshot(sandbox)
            await _kill(running)
        target.answer = lambda _entry: 200
        async with process(port, state, target.url):
            assert await _snapshot(sandbox) == before
            again = await _customer(sandbox, refused["key"])
            assert again.content == first.content
            assert again.headers["idempotent-replayed"] == "true"
            types = await sandbox.event_types()
            await eventually(lambda: len({entry.event["id"] for entry in target.received}) == len(types))
            for _ in range(100):
                answer = await sandbox.control.get("/_sandbox/deliveries", params={"state": "pending"})
                if not answer.json()["data"]:
                    break
                await asyncio.sleep(0.05)
            assert answer.json()["data"] == []


async def _customer(sandbox: RunningSandbox, key: str) -> httpx.Response:
    return await sandbox.control.post("/v1/customers", data={"name": "Ada"}, headers={"Idempotency-Key": key})


async def _snapshot(sandbox: RunningSandbox) -> list[object]:
    paths = ("/v1/checkout/sessions", "/v1/subscriptions", "/v1/invoices", "/v1/charges", "/v1/payment_intents")
    return [(await sandbox.control.get(path, params={"limit": 100})).json()["data"] for path in paths]


async def test_a_kill_during_a_storm_loses_no_acknowledged_payment(tmp_path: Path) -> None:
    port, state = free_port(), tmp_path / "stripe.sqlite"
    async with receiver() as target, attached(f"http://127.0.0.1:{port}") as sandbox:
        paid: list[str] = []
        async with process(port, state, target.url) as running:
            sessions = [(await subscription_session(sandbox)).id for _ in range(12)]

            async def pay(session_id: str) -> None:
                await sandbox.pay(session_id)
                paid.append(session_id)

            storm = asyncio.gather(*(pay(session_id) for session_id in sessions), return_exceptions=True)
            await eventually(lambda: len(paid) >= 3)
            await _kill(running)
            await storm
        async with process(port, state, target.url):
            for session_id in paid:
                session = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session_id)
                assert session.payment_status == "paid"
            complete = await sandbox.stripe.v1.checkout.sessions.list_async({"status": "complete", "limit": 100})
            charges = await sandbox.stripe.v1.charges.list_async({"limit": 100})
            completions = await sandbox.stripe.v1.events.list_async(
                {"type": "checkout.session.completed", "limit": 100}
            )
            assert len(complete.data) == len(charges.data) == len(completions.data) >= len(paid)
            await eventually(lambda: target.types().count("checkout.session.completed") >= len(paid))


@pytest.mark.parametrize(
    "wrong",
    [
        {"API_KEY": "sk_live_x"},
        {"API_KEY": "sk_test_"},
        {"WEBHOOK_SECRET": "secret"},
        {"WEBHOOK_URL": "localhost"},
        {"PUBLIC_URL": "ftp://x"},
        {"RETRY_SCHEDULE": "1,-1"},
        {"RETRY_SCHEDULE": "soon"},
        {"DELIVERY_CONCURRENCY": "0"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        StripeSandboxSettings.from_environment({f"STRIPE_SANDBOX_{name}": value for name, value in wrong.items()})
