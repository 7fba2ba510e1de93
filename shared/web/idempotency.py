"""Idempotency-Key: the same request sent again gets the same answer, and has no second effect.

After draft-ietf-httpapi-idempotency-key-header. The key, the effect and the stored answer commit together. A second
request with the same key waits for the first (PostgreSQL's unique index holds it), then gets its answer.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy import Column, LargeBinary, MetaData, SmallInteger, String, Table, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from shared.database import Database, Instant, UnitOfWork, purge_rows
from shared.kernel import Invalid, Principal
from shared.web.access import principal_of
from shared.web.problems import BadRequest

_KEY = re.compile(r"[\x21-\x7e]{8,128}\Z")
KEPT = timedelta(days=2)


def idempotency_table(metadata: MetaData) -> Table:
    """The answers given under each caller's keys."""
    return Table(
        "idempotency_keys",
        metadata,
        Column("owner", String(64), primary_key=True),
        Column("key", String(128), primary_key=True),
        Column("fingerprint", LargeBinary, nullable=False),
        Column("status", SmallInteger),
        Column("body", LargeBinary),
        Column("created_at", Instant, nullable=False, server_default=text("clock_timestamp()"), index=True),
    )


class IdempotentChange:
    """Runs a change at most once per caller and key, and answers repeats with what was answered first."""

    def __init__(self, database: Database, table: Table, owner: str, key: str | None, fingerprint: bytes) -> None:
        self._database = database
        self._table = table
        self._owner = owner
        self._key = key
        self._fingerprint = fingerprint

    async def __call__(self, change: Callable[[UnitOfWork], Awaitable[BaseModel]], *, status: int = 200) -> Response:
        """Commits `change` with its answer. Raises Invalid when the key was used for another request."""
        return await self._database.run(lambda work: self._attempt(work, change, status))

    async def _attempt(
        self, work: UnitOfWork, change: Callable[[UnitOfWork], Awaitable[BaseModel]], status: int
    ) -> Response:
        if self._key is not None:
            earlier = await self._reserve(work, self._key)
            if earlier is not None:
                return earlier
        body = (await change(work)).model_dump_json().encode()
        if self._key is not None:
            await work.session.execute(
                update(self._table)
                .where(self._table.c.owner == self._owner, self._table.c.key == self._key)
                .values(status=status, body=body)
            )
        return Response(body, status, media_type="application/json")

    async def _reserve(self, work: UnitOfWork, key: str) -> Response | None:
        table = self._table
        reserved = await work.session.execute(
            insert(table)
            .values(owner=self._owner, key=key, fingerprint=self._fingerprint)
            .on_conflict_do_nothing()
            .returning(table.c.key)
        )
        if reserved.first() is not None:
            return None
        row = (
            (await work.session.execute(select(table).where(table.c.owner == self._owner, table.c.key == key)))
            .mappings()
            .one()
        )
        if bytes(row["fingerprint"]) != self._fingerprint:
            raise Invalid(
                "This Idempotency-Key was used for a different request. Use a new key.", slug="idempotency-key-reused"
            )
        headers = {"Idempotent-Replayed": "true"}
        return Response(bytes(row["body"]), row["status"], media_type="application/json", headers=headers)


async def _once(
    request: Request, principal: Annotated[Principal, Depends(principal_of)], key: str | None
) -> IdempotentChange:
    if key is not None and not _KEY.match(key):
        raise BadRequest("Idempotency-Key must be 8 to 128 visible ASCII characters.", slug="idempotency-key-malformed")
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), await request.body()):
        digest.update(len(part).to_bytes(8, "big") + part)
    state = request.app.state
    owner = principal.account_id or principal.subject
    return IdempotentChange(state.database, state.idempotency_keys, owner, key, digest.digest())


async def once(
    request: Request,
    principal: Annotated[Principal, Depends(principal_of)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> IdempotentChange:
    """For routes where the key is welcome but not demanded."""
    return await _once(request, principal, idempotency_key)


async def once_with_key(
    request: Request,
    principal: Annotated[Principal, Depends(principal_of)],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> IdempotentChange:
    """For routes that cost money when repeated: without a key the request is refused (400)."""
    if idempotency_key is None:
        raise BadRequest(
            "Send an Idempotency-Key header (a UUID, say), so that a repeat cannot order twice.",
            slug="idempotency-key-missing",
        )
    return await _once(request, principal, idempotency_key)


IdempotencyKeyOptional = Annotated[IdempotentChange, Depends(once)]
IdempotencyKeyRequired = Annotated[IdempotentChange, Depends(once_with_key)]


async def purge_keys(database: Database, table: Table) -> None:
    """Forgets answers older than `KEPT` (a clock job)."""
    made_at = table.c.created_at
    await purge_rows(database, table, made_at < func.now() - KEPT, oldest=made_at)
