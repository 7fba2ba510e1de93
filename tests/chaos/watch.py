"""Looks at the whole house from outside while it runs: how far the orders are, and what is still on its way."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import aio_pika
import aiohttp
import asyncpg
from aio_pika.exceptions import AMQPError

from shared.kernel.ids import decode_id
from tests.chaos.orders import RIGHT_AFTER, Order
from tests.chaos.schedule import SERVICES

_DURABLE = (
    *(f"{service}.{table}" for service in SERVICES for table in ("outbox", "inbox")),
    "billing.stripe_events",
    "billing.stripe_tasks",
    "provisioning.jobs",
    "support.notifications",
)
# The server is killed and frozen on purpose; any other error is a mistake of ours and must be seen.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.QueryCanceledError,
)
_CONSUMERS = ("billing", "catalog", "provisioning", "support")


@dataclass
class InFlight:
    """What has not come to rest: durable rows that are ready, messages at the broker, deliveries of Stripe."""

    rows: dict[str, int] = field(default_factory=dict)
    messages: dict[str, int] = field(default_factory=dict)
    deliveries: int = 0
    unreadable: str = ""

    @property
    def nothing(self) -> bool:
        """Whether everything rests, and could be seen to."""
        return not (self.rows or self.messages or self.deliveries or self.unreadable)

    def __str__(self) -> str:
        parts = [f"{count} in {name}" for name, count in {**self.rows, **self.messages}.items()]
        parts += [f"{self.deliveries} deliveries of Stripe"] if self.deliveries else []
        parts += [self.unreadable] if self.unreadable else []
        return ", ".join(parts) or "nothing"


class Watch:
    """Reads past every proxy, as superuser, and waits for nobody: what cannot be read now is read next time."""

    def __init__(self, database_url: str, broker_url: str, stripe_url: str, stripe_key: str) -> None:
        self._database_url = database_url
        self._broker_url = broker_url
        self._stripe_url = stripe_url
        self._stripe_key = stripe_key

    async def look(self, orders: Iterable[Order]) -> bool:
        """Brings the orders' states up to date. False when the database does not answer now."""
        known = {decode_id("ord", order.id): order for order in orders if order.id is not None}
        try:
            rows = await self._fetch(
                "SELECT id, status, extract(epoch FROM fulfilled_at) AS fulfilled_at FROM catalog.orders "
                "WHERE id = ANY($1)",
                list(known),
            )
        except _AWAY:
            return False
        seen = set()
        for row in rows:
            order = known[row["id"]]
            seen.add(row["id"])
            order.status = row["status"]
            order.fulfilled_at = None if row["fulfilled_at"] is None else float(row["fulfilled_at"])
        for order_id, order in known.items():
            if order_id not in seen:
                order.status = "lost"
        return True

    async def orders_of(self, keys: Iterable[str]) -> dict[str, int]:
        """Host name → how many orders ask for it: clicks that were never answered may have made one, too."""
        rows = await self._fetch(
            "SELECT name, count(DISTINCT order_id) AS orders FROM catalog.order_items "
            "WHERE name = ANY($1) GROUP BY name",
            list(keys),
        )
        return {row["name"]: int(row["orders"]) for row in rows}

    async def rights(self, orders: Iterable[Order]) -> list[str]:
        """Units whose right is not what staff decided last."""
        decided = {decode_id("ent", order.unit): order for order in orders if order.unit is not None}
        rows = await self._fetch("SELECT id, status FROM catalog.entitlements WHERE id = ANY($1)", list(decided))
        found = {row["id"]: row["status"] for row in rows}
        return [
            f"order {order.number}: {order.unit} is {found.get(unit)} after {', '.join(order.decisions)}"
            for unit, order in decided.items()
            if found.get(unit) != RIGHT_AFTER[order.decisions[-1]]
        ]

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self._database_url, timeout=5, command_timeout=10)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            with contextlib.suppress(*_AWAY):
                await connection.close(timeout=5)

    async def in_flight(self) -> InFlight:
        """What is still on its way at this moment."""
        found = InFlight()
        try:
            union = " UNION ALL ".join(
                f"SELECT '{name}' AS name, count(*) AS rows FROM {name} WHERE state = 'ready'" for name in _DURABLE
            )
            found.rows = {row["name"]: int(row["rows"]) for row in await self._fetch(union) if row["rows"]}
            found.messages = await self._messages()
            found.deliveries = await self._deliveries()
        except (*_AWAY, AMQPError, aiohttp.ClientError) as error:
            found.unreadable = f"{type(error).__name__}: {error}"[:200]
        return found

    async def dead_rows(self) -> list[str]:
        """Rows that were given up or wait for a person, with their last error."""
        union = " UNION ALL ".join(
            f"SELECT '{name}' AS name, id::text AS id, state, attempts, last_error FROM {name} "
            "WHERE state IN ('dead', 'parked')"
            for name in _DURABLE
        )
        return [
            f"{row['name']} {row['id']} is {row['state']} after {row['attempts']} attempts: {row['last_error']}"
            for row in await self._fetch(union)
        ]

    async def _messages(self) -> dict[str, int]:
        waiting: dict[str, int] = {}
        async with asyncio.timeout(15), await aio_pika.connect(self._broker_url, timeout=5) as connection:
            channel = await connection.channel()
            for name in (*(f"{consumer}.events" for consumer in _CONSUMERS), "ez.dead"):
                queue = await channel.declare_queue(name, passive=True)
                count = queue.declaration_result.message_count or 0
                if count:
                    waiting[name] = count
        return waiting

    async def _deliveries(self) -> int:
        headers = {"Authorization": f"Bearer {self._stripe_key}"}
        address = f"{self._stripe_url}/_sandbox/deliveries?state=pending"
        timeout = aiohttp.ClientTimeout(total=15)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http, http.get(address) as answer:
            return len((await answer.json())["data"])
