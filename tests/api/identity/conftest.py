"""Identity over a real PostgreSQL, called in-process, with the gateway's and support's ways to call it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio

from services.identity.main import create_service
from services.identity.settings import IdentitySettings
from shared.messaging import LocalBroker, LocalTransport
from shared.testing import FrozenClock
from shared.web.service import Service
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS, service_bearer
from tests.support.database import TestDatabase
from tests.support.running_service import RunningService

PASSWORD = "velvet-otter-piano-71"
OTHER_PASSWORD = "granite teapot lantern 9"
LINK_SECRET = "an-unguessable-link-secret-for-tests-0123456789"


def settings(database_url: str, **changes: Any) -> IdentitySettings:
    """Settings as a test deployment would have them."""
    values: dict[str, Any] = {
        "environment": "test",
        "token_keys": TOKEN_KEYS,
        "database_url": database_url,
        "signing_key": PRIVATE_KEYS["identity"],
        "public_url": "https://shop.example",
        "link_secret": LINK_SECRET,
        "answer_floor": 0.0,
    }
    return IdentitySettings(**{**values, **changes})


@dataclass
class Identity(RunningService):
    """One running identity and what a test does with it."""

    service: Service
    client: httpx.AsyncClient
    clock: FrozenClock

    async def sign_up(self, email: str = "ada@example.com", **changes: Any) -> httpx.Response:
        body = {"email": email, "password": PASSWORD, "name": "Ada Lovelace", **changes}
        return await self.client.post("/api/v1/users", json=body)

    async def sign_in(self, email: str = "ada@example.com", password: str = PASSWORD, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/api/v1/sessions", json={"email": email, "password": password}, headers=sent)

    async def mails(self, purpose: str) -> list[dict[str, Any]]:
        """The mails asked for so far for this purpose."""
        return [fact for fact in await self.facts("identity.verification") if fact["purpose"] == purpose]

    async def link(self, verification_id: str) -> httpx.Response:
        return await self.client.post(
            f"/internal/verifications/{verification_id}/link", headers=service_bearer("support", "identity")
        )

    async def token(self, purpose: str) -> str:
        """The token in the newest mail for this purpose."""
        mail = (await self.mails(purpose))[-1]
        url = (await self.link(mail["verification_id"])).json()["url"]
        return str(url.split("token=")[1])

    async def verify(self) -> httpx.Response:
        return await self.client.post("/api/v1/users/verify", json={"token": await self.token("verify_email")})

    async def customer(self, email: str = "ada@example.com") -> None:
        """Somebody who signed up and verified the address."""
        assert (await self.sign_up(email)).status_code == 202
        assert (await self.verify()).status_code == 200

    async def signed_in(self, email: str = "ada@example.com") -> tuple[str, dict[str, str]]:
        """A new session of a customer: its token, and the headers the gateway would send for it."""
        token = (await self.sign_in(email)).json()["token"]
        access = (await self.resolve(token)).json()["access_token"]
        return token, {"Authorization": f"Bearer {access}"}

    async def resolve(self, token: object) -> httpx.Response:
        return await self.client.post(
            "/internal/sessions/resolve", json={"token": token}, headers=service_bearer("gateway", "identity")
        )

    async def request_reset(self, email: str = "ada@example.com") -> httpx.Response:
        return await self.client.post("/api/v1/password-resets", json={"email": email})

    async def complete_reset(self, token: str, password: str = OTHER_PASSWORD) -> httpx.Response:
        return await self.client.post("/api/v1/password-resets/complete", json={"token": token, "password": password})


@pytest_asyncio.fixture
async def identity(fresh_database: TestDatabase) -> AsyncIterator[Identity]:
    """Identity with a clock that stands still."""
    clock = FrozenClock()
    service = create_service(settings(fresh_database.url("identity")), LocalTransport(LocalBroker()), clock=clock)
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://identity") as client:
        yield Identity(service, client, clock)
    await service.database.close()
