"""The outside world's own word: Stripe's lists, the hypervisor's machines, the mailbox, the published topology."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.checker.evidence import Machine, Row, Stripe
from tests.chaos.checker.ids import reference_in
from tests.chaos.checker.sources import Sources

_EVENTS_DOCUMENT = Path(__file__).parents[3] / "docs" / "generated" / "events.asyncapi.json"
_PAGE = 100


async def read_stripe(client: httpx.AsyncClient, sources: Sources) -> Stripe:
    """Every list of the API to its end, and the sandbox's record of deliveries."""
    base, headers = sources.stripe_url.rstrip("/"), {"Authorization": f"Bearer {sources.stripe_key}"}

    async def whole(path: str, **params: str) -> list[Row]:
        rows: list[Row] = []
        while True:
            cursor = {"starting_after": rows[-1]["id"]} if rows else {}
            answer = await client.get(
                f"{base}/v1/{path}", params={"limit": str(_PAGE), **params, **cursor}, headers=headers
            )
            page = answer.raise_for_status().json()
            rows += page["data"]
            if not page["has_more"]:
                return rows

    events = await whole("events")
    customers = await whole("customers")
    # Customers with a time of their own are only listed by their clock.
    for clock in await whole("test_helpers/test_clocks"):
        customers += await whole("customers", test_clock=str(clock["id"]))
    return Stripe(
        customers=customers,
        sessions=await whole("checkout/sessions"),
        subscriptions=await whole("subscriptions", status="all"),
        invoices=await whole("invoices"),
        invoice_payments=await whole("invoice_payments"),
        charges=await whole("charges"),
        refunds=await whole("refunds"),
        events=events,
        deliveries=await _deliveries(client, base, headers, {event["type"] for event in events}),
    )


async def _deliveries(client: httpx.AsyncClient, base: str, headers: dict[str, str], types: Iterable[str]) -> list[Row]:
    # The list is cut at its newest thousand, so it is asked for type by type.
    rows: list[Row] = []
    for kind in sorted(types):
        answer = await client.get(f"{base}/_sandbox/deliveries", params={"type": kind}, headers=headers)
        rows += answer.raise_for_status().json()["data"]
    return rows


async def read_machines(client: httpx.AsyncClient, sources: Sources) -> list[Machine]:
    """Every machine that is no template, as the hypervisor knows it and not as a lagging listing shows it."""
    answer = await client.get(
        f"{sources.hypervisor_url.rstrip('/')}/_sandbox/machines",
        headers={"Authorization": f"PVEAPIToken={sources.hypervisor_token}"},
    )
    return [_machine(row) for row in answer.raise_for_status().json()["data"] if not row["template"]]


def _machine(row: Row) -> Machine:
    # The description decides, because people rename machines and edit tags.
    reference = reference_in(row["description"], row["tags"], row["name"])
    running, size = row["status"] == "running", (row["cores"], row["memory_mb"])
    return Machine(row["vmid"], str(row["name"]), reference, running, float(row["created_at"]), *size)


async def read_mails(client: httpx.AsyncClient, sources: Sources, recipients: Iterable[str]) -> dict[str, list[Row]]:
    """Recipient → the messages caught for them, newest first."""
    address = f"{sources.mail_url.rstrip('/')}/dev/mail/api/messages"
    few = asyncio.Semaphore(8)

    async def of(recipient: str) -> tuple[str, list[Row]]:
        async with few:
            answer = await client.get(address, params={"to": recipient, "limit": "100000"})
        return recipient, list(answer.raise_for_status().json()["data"])

    return dict(await asyncio.gather(*(of(recipient) for recipient in sorted(set(recipients)))))


def read_listeners() -> dict[str, set[str]]:
    """Wire type → who listens to it, by the published AsyncAPI document."""
    document: dict[str, Any] = json.loads(_EVENTS_DOCUMENT.read_text())
    listeners: dict[str, set[str]] = {wire_type: set() for wire_type in document["channels"]}
    for name, operation in document["operations"].items():
        if operation["action"] == "receive":
            listeners[operation["channel"]["$ref"].rpartition("/")[2]].add(name.partition(".")[0])
    return listeners
