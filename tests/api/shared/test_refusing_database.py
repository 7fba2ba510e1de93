"""A database that refuses the role is away: 503 with Retry-After, however it refuses, until it lets us in again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from services.identity.main import create_service
from shared.database import is_away
from shared.database.engine import sqlalchemy_url
from shared.messaging import LocalBroker, LocalTransport
from tests.api.identity.conftest import settings
from tests.support.callers import service_bearer
from tests.support.database import TestDatabase


@dataclass
class Refusing:
    """A service, and the administrator of its database."""

    client: httpx.AsyncClient
    admin: "asyncpg.Connection[asyncpg.Record]"
    database: TestDatabase

    @property
    def name(self) -> str:
        return urlsplit(self.database.admin_url).path.strip("/")

    async def ask(self) -> httpx.Response:
        """A request that needs the database."""
        return await self.client.post(
            "/internal/sessions/resolve",
            json={"token": "ezs_" + "a" * 43},
            headers=service_bearer("gateway", "identity"),
        )


@pytest_asyncio.fixture
async def refusing(fresh_database: TestDatabase) -> AsyncIterator[Refusing]:
    service = create_service(settings(fresh_database.url("identity")), LocalTransport(LocalBroker()))
    admin = await asyncpg.connect(fresh_database.admin_url.rpartition("/")[0] + "/postgres")
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:
        yield Refusing(client, admin, fresh_database)
    # Roles are the whole server's.
    await admin.execute("ALTER ROLE ez_identity LOGIN PASSWORD 'test-identity' CONNECTION LIMIT -1")
    await admin.close()
    await service.database.close()


# What the administrator does, and what undoes it. {name} is the database.
REFUSALS = {
    "locked role": ("ALTER ROLE ez_identity NOLOGIN", "ALTER ROLE ez_identity LOGIN"),
    "wrong password": (
        "ALTER ROLE ez_identity PASSWORD 'another'",
        "ALTER ROLE ez_identity PASSWORD 'test-identity'",
    ),
    "closed database": (
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        "ALTER DATABASE {name} ALLOW_CONNECTIONS true",
    ),
    "revoked right": (
        "REVOKE CONNECT ON DATABASE {name} FROM PUBLIC, ez_identity",
        "GRANT CONNECT ON DATABASE {name} TO ez_identity",
    ),
    "no connection left": ("ALTER ROLE ez_identity CONNECTION LIMIT 0", "ALTER ROLE ez_identity CONNECTION LIMIT -1"),
    "renamed database": ("ALTER DATABASE {name} RENAME TO {name}_gone", "ALTER DATABASE {name}_gone RENAME TO {name}"),
}  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_database_that_refuses_the_role_is_a_503_that_says_when_to_come_back(
    refusing: Refusing, refusal: str
) -> None:
    shut, opened = (statement.format(name=refusing.name) for statement in REFUSALS[refusal])
    await refusing.admin.execute(shut)
    try:
        answer = await refusing.ask()
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (503, "database-away")
        assert int(answer.headers["retry-after"]) >= 1
        assert (await refusing.client.get("/health/ready")).status_code == 503
    finally:
        await refusing.admin.execute(opened)
    assert (await refusing.ask()).status_code == 401


async def test_a_statement_that_is_not_permitted_is_a_fault_of_ours_and_not_an_outage(
    fresh_database: TestDatabase,
) -> None:
    service = create_service(settings(fresh_database.url("identity")), LocalTransport(LocalBroker()))
    with pytest.raises(Exception) as caught:
        async with service.database.read() as session:
            await session.execute(text("SELECT * FROM billing.outbox"))
    assert not is_away(caught.value)
    await service.database.close()


def test_an_address_may_demand_tls() -> None:
    given = "postgresql://ez_identity:p%40ss@db.internal:5432/ez?sslmode=verify-full"
    assert sqlalchemy_url(given) == "postgresql+asyncpg://ez_identity:p%40ss@db.internal:5432/ez?ssl=verify-full"
