"""All five services in memory, answering in the shapes of the public API. Keeps state, so flows can be walked."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from gateway.web.upstream import Answer, Service, UpstreamAway, Visitor
from tests.web import fake_identity, fake_people, fake_shop
from tests.web.fake_data import World
from tests.web.fake_delivery import timeline_of
from tests.web.fake_routing import ROUTES, Ask, problem

# Importing them registers what they answer.
HANDLERS = (fake_identity, fake_people, fake_shop)
PUBLIC = {"/api/v1/plans", "/api/v1/users", "/api/v1/sessions", "/api/v1/password-resets"}


class FakeUpstream:
    def __init__(self, world: World) -> None:
        self.world = world

    async def call(
        self,
        service: Service,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        visitor: Visitor | None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        await asyncio.sleep(0)
        self.world.calls.append((service, method, path))
        if service in self.world.away:
            raise UpstreamAway(service, retry_after=30)
        public = any(path.startswith(prefix) for prefix in PUBLIC) and not path.startswith("/api/v1/sessions/")
        if visitor is None and not public:
            return problem(401, "unauthenticated", "Please sign in.")
        if path.startswith("/api/v1/staff/") and not (visitor and visitor.is_staff):
            return problem(403, "forbidden", "Staff only.")
        for known, pattern, handler in ROUTES:
            found = pattern.fullmatch(path)
            if known == method and found:
                ask = Ask(self.world, json or {}, params or {}, visitor, headers or {}, found.groups())
                return handler(ask)
        raise AssertionError(f"the contract has no {method} {path}")

    async def stream(self, service: Service, path: str, visitor: Visitor) -> AsyncIterator[bytes]:
        if service in self.world.away:
            raise UpstreamAway(service)
        owner = path.split("/")[-2]
        seen = -1
        while True:
            rows = [row for row in (*self.world.orders, *self.world.services) if row["id"] == owner]
            version = zlib.crc32(repr((timeline_of(self.world, owner), rows)).encode())
            if version != seen:
                seen = version
                yield f'event: timeline\ndata: {{"version": {version}}}\n\n'.encode()
            await asyncio.sleep(self.world.tick / 4)
