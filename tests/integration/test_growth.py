"""What somebody waits for costs the same in a large house: no read walks a table that grows with the business.

Seen in the plans, not in times: over a house with thousands of orders every statement of a read is explained as it is
executed, and may touch only so many rows. What the times are with a million orders, `python -m bench P10` measures.
"""

import json
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from bench.scale.loader import load
from bench.scale.measuring import statements_of
from bench.scale.reads import Read, all_reads
from bench.scale.world import World, enter, seed
from ez.embedded.environment import build_environment, ports_from
from ez.embedded.postgres import EmbeddedPostgres
from ez.embedded.secrets import fresh
from tests.support.clones import SERVICES, TestDatabase, administer, in_database

ORDERS = 10_000
# How many rows a part of a plan may touch: five hundred rows of every queue wait and two hundred gave up, a search
# stops at two hundred names of either kind, a page is twenty rows.
MOST_ROWS = 900
MOST_BY_KIND = {
    # Two indexes are read and combined here; in a larger house the smaller one alone.
    "dead events of a type": 1500,
    # Nothing is old enough to be forgotten, so hardly anything may be looked at.
    "purge": 30,
    "forgotten": 30,
}
BIG = 450  # rows; no index helps with smaller tables

READS = {f"{read.service}: {read.name}": read for read in all_reads() if read.bounded}


@pytest_asyncio.fixture(scope="module")
async def world(postgres_server: EmbeddedPostgres, migrated_template: str) -> AsyncIterator[World]:
    """A house with two years of business."""
    name = f"growth_{os.getpid()}"
    await administer(postgres_server.admin_url, f"CREATE DATABASE {name} TEMPLATE {migrated_template}")
    database = TestDatabase(in_database(postgres_server.admin_url, name))
    values = build_environment(ports_from(8000), fresh(), database.admin_url)
    values |= {f"{service.upper()}_DATABASE_URL": database.url(service) for service in SERVICES}
    await seed(values)
    await load(database.admin_url, ORDERS)
    entered = await enter(values, database.admin_url, ORDERS)
    yield entered
    await entered.close()
    await administer(postgres_server.admin_url, f"DROP DATABASE {name} WITH (FORCE)")


async def walks(world: World, read: Read, without: str | None = None) -> list[str]:
    """Where the read touches more rows than it may; `without` an index, named with its schema."""
    statements = await statements_of(world, read)
    assert statements, "the read asked nothing"
    most = next((rows for kind, rows in MOST_BY_KIND.items() if kind in read.name), MOST_ROWS)
    # The planner prefers a scan to an index in a house of this size; it would not in a large one.
    settings = {"search_path": read.service, "enable_seqscan": "off", "jit": "off"}
    connection = await asyncpg.connect(world.admin_url, server_settings=settings)
    try:
        big = {row[0] for row in await connection.fetch(_BIG_TABLES, BIG)}
        found: list[str] = []
        transaction = connection.transaction()
        await transaction.start()
        if without is not None:
            await connection.execute(f"DROP INDEX {without}")
        for statement, parameters in statements:
            plan = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", *parameters)
            found += [
                f"{text}\n  in {statement}"
                for node in _nodes(json.loads(plan)[0]["Plan"])
                for text in _wrong(node, big, most)
            ]
        await transaction.rollback()
        return found
    finally:
        await connection.close()


_BIG_TABLES = "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND reltuples > $1"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _wrong(node: dict[str, Any], big: set[str], most: int) -> Iterator[str]:
    table = node.get("Relation Name", "")
    if node["Node Type"] == "Seq Scan" and table in big:
        yield f"reads all of {table}"
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    touched = (node["Actual Rows"] + removed) * node["Actual Loops"]
    if touched > most:
        yield f"{node['Node Type']} of {table or 'what is below it'} touches {touched:.0f} rows"


@pytest.mark.parametrize("name", READS)
async def test_a_read_touches_as_few_rows_in_a_large_house(world: World, name: str) -> None:
    assert await walks(world, READS[name]) == []


@pytest.mark.parametrize(
    ("index", "name"),
    [
        ("catalog.ix_orders_account_id_id", "catalog: orders by account"),
        ("catalog.ix_order_items_order_id", "catalog: my order"),
        ("catalog.ix_order_items_name", "catalog: orders by a beginning no host name has"),
        ("catalog.ix_entitlements_name", "catalog: orders by host name"),
        ("catalog.ix_order_history_order_id", "catalog: my order's timeline"),
        ("catalog.ix_inbox_given_up", "catalog: dead letters"),
        ("billing.ix_invoices_account_id", "billing: my invoices"),
        ("billing.ix_stripe_events_type", "billing: events of a type that never came"),
        ("billing.ix_stripe_events_unfinished", "billing: dead letters"),
        ("billing.ix_checkouts_open", "billing: sessions the reconciler looks at"),
        ("billing.ix_outbox_given_up", "billing: dead letters"),
        ("provisioning.ix_resources_account_id_id", "provisioning: my services"),
        ("provisioning.ix_resources_address", "provisioning: services by an address nobody has"),
        ("provisioning.ix_resources_name", "provisioning: jobs by a beginning no name has"),
        ("provisioning.ix_jobs_resource_id", "provisioning: jobs by name"),
        ("provisioning.ix_jobs_state_id", "provisioning: jobs, canceled"),
        ("provisioning.ix_jobs_finished_actions", "provisioning: jobs: a purge with nothing to purge"),
        ("support.ix_tickets_account_id_id", "support: my tickets"),
        ("support.ix_messages_ticket_id_id", "support: my ticket"),
        ("support.ix_notifications_finished_at", "support: sent mails, forgotten"),
        ("support.ix_inbox_given_up", "support: dead letters"),
        ("identity.ix_sessions_expires_at", "identity: what is over, forgotten"),
    ],
)
async def test_the_guard_sees_that_an_index_is_gone(world: World, index: str, name: str) -> None:
    assert await walks(world, READS[name], without=index)
