"""Puts the saved instance into a new home, as if it had been killed ten minutes ago.

Everything is text, so the moment and the ports are moved as text, wherever they stand: in columns, in stored answers,
in facts on their way (bytea, as hexadecimal) and in what the sandboxes remember.
"""

import json
import lzma
import re
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from ez.embedded.environment import service_database_url
from ez.embedded.postgres import EmbeddedPostgres
from shared.database.migrations import ensure_schema
from tests.support.embedded import Embedded

SAVED = Path(__file__).parent / "instance"
# How long the upgrade took: what waits is due at once.
DOWN_S = 600
SANDBOXES = ("stripe", "hypervisor", "mail")
# Where the old instance's gateway and its Stripe sandbox listened, counted from its base port.
_PUBLIC = {"gateway": 0, "stripe": 10}
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)([ T])(\d\d:\d\d:\d\d)(?=(\.\d+)?(Z|\+00))")
_EPOCH = re.compile(r"(?<=[,:( ])1[78]\d{8}(?=[.,)}\s])")
_HEX = re.compile(r"(?<='\\x)[0-9a-f]+(?=')|(?<=X')[0-9A-F]+(?=')")


def _move(text: str, seconds: int, ports: dict[str, int]) -> str:
    """The text with every moment moved by `seconds`, and every old port replaced."""

    def moment(found: re.Match[str]) -> str:
        moved = datetime.fromisoformat(f"{found[1]}T{found[3]}") + timedelta(seconds=seconds)
        return f"{moved:%Y-%m-%d}{found[2]}{moved:%H:%M:%S}"

    text = _MOMENT.sub(moment, text)
    text = _EPOCH.sub(lambda found: str(int(found[0]) + seconds), text)
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda found: str(ports.get(found[0], found[0])), text)


def _move_all(text: str, move: Callable[[str], str]) -> str:
    """As `move`, inside binary columns too."""

    def inside(found: re.Match[str]) -> str:
        try:
            plain = bytes.fromhex(found[0]).decode()
        except UnicodeDecodeError:  # a digest
            return found[0]
        return move(plain).encode().hex()

    return move(_HEX.sub(inside, text))


async def restore(embedded: Embedded) -> dict[str, Any]:
    """Fills the home of an instance that was never started. Returns the manifest, moved like everything else, with the
    `unfinished` rows that the old instance left behind: table → what each of them is."""
    manifest = (SAVED / "manifest.json").read_text()
    saved = json.loads(manifest)
    seconds = int(time.time()) - DOWN_S - saved["killed_at"]
    ports = {str(saved["port"] + offset): embedded.ports[part] for part, offset in _PUBLIC.items()}

    def move(text: str) -> str:
        return _move(text, seconds, ports)

    embedded.home.mkdir(parents=True)
    (embedded.home / "secrets.json").write_text(json.dumps(saved["secrets"]))
    for sandbox in SANDBOXES:
        with sqlite3.connect(embedded.home / f"{sandbox}.sqlite") as database:
            database.executescript(_move_all(_text(sandbox), move))
        database.close()
    async with EmbeddedPostgres(embedded.home / "postgres", embedded.ports["postgres"], durable=False) as server:
        for schema in sorted(path.name.removesuffix(".sql.xz") for path in SAVED.glob("*.sql.xz")):
            if schema not in SANDBOXES:
                await _fill(server.admin_url, schema, saved["secrets"], _move_all(_text(schema), move))
        unfinished = await _unfinished(server.admin_url)
    return {**json.loads(move(manifest)), "unfinished": unfinished}


_QUEUES = {
    "identity.outbox": "type",
    "catalog.outbox": "type",
    "billing.outbox": "type",
    "provisioning.outbox": "type",
    "provisioning.inbox": "type",
    "provisioning.jobs": "kind",
    "billing.stripe_events": "type",
    "support.notifications": "template",
}


async def _unfinished(admin_url: str) -> dict[str, list[str]]:
    """By the old schema, which every restored instance has."""
    connection = await asyncpg.connect(admin_url)
    try:
        return {
            table: [
                str(row[0])
                for row in await connection.fetch(f"SELECT {label} FROM {table} WHERE state = 'ready' ORDER BY 1")
            ]
            for table, label in _QUEUES.items()
        }
    finally:
        await connection.close()


def _text(name: str) -> str:
    return lzma.decompress((SAVED / f"{name}.sql.xz").read_bytes()).decode()


async def _fill(admin_url: str, schema: str, secrets: dict[str, str], statements: str) -> None:
    """Makes the role and its schema, and everything in it as that role."""
    url = service_database_url(admin_url, schema, secrets[f"database_{schema}"])
    await ensure_schema(admin_url, url, schema)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()
