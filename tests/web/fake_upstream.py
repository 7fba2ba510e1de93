"""All five services in memory, answering in the published read models. Keeps state, so flows can be walked."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from pydantic import BaseModel

from gateway.routing import owner_of
from gateway.web.upstream import Answer, Service, UpstreamAway, Visitor
from tests.web import fake_billing, fake_identity, fake_shop, fake_staff, fake_support
from tests.web.fake_data import World
from tests.web.fake_delivery import progress
from tests.web.fake_routing import ROUTES, Ask, FakeRoute, Nothing, problem

# Importing them registers what they answer.
HANDLERS = (fake_billing, fake_identity, fake_shop, fake_staff, fake_support)
PUBLIC = {"/api/v1/plans", "/api/v1/quotes", "/api/v1/users", "/api/v1/sessions", "/api/v1/password-resets"}
FRESH = problem(403, "fresh-proof-needed", "Enter your password again to do this.")


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
        assert owner_of(path) == service, f"{path} does not belong to {service}"
        self.world.calls.append((service, method, path))
        self.world.sent.append(json)
        if service in self.world.away:
            raise UpstreamAway(service, retry_after=30)
        public = any(path.startswith(prefix) for prefix in PUBLIC) and not path.startswith("/api/v1/sessions/")
        if visitor is None and not public:
            return problem(401, "unauthenticated", "Please sign in.")
        if path.startswith("/api/v1/staff/") and not (visitor and visitor.is_staff):
            return problem(403, "staff-only", "Staff only.")
        for known in ROUTES:
            found = known.pattern.fullmatch(path)
            if known.method == method and found:
                if known.fresh and visitor and visitor.session_id in self.world.stale:
                    return FRESH
                ask = Ask(self.world, json or {}, params or {}, visitor, headers or {}, found.groups())
                return shown(known, known.handler(ask))
        raise AssertionError(f"the contract has no {method} {path}")

    async def stream(self, service: Service, path: str, visitor: Visitor) -> AsyncIterator[bytes]:
        if service in self.world.away:
            raise UpstreamAway(service)
        owner = path.split("/")[-2]
        seen = -1
        while True:
            progress(self.world)
            rows: list[Any] = [*self.world.orders, *self.world.services]
            version = zlib.crc32(repr([row for row in rows if row.id == owner]).encode())
            if version != seen:
                seen = version
                yield f'event: timeline\ndata: {{"version": {version}}}\n\n'.encode()
            await asyncio.sleep(self.world.tick / 4)


def shown(known: FakeRoute, result: BaseModel | Answer) -> Answer:
    """What the service would send: the declared model, in JSON. An answer that does not fit it is an error here."""
    if isinstance(result, Answer):
        return result
    if known.model is Nothing:
        return Answer(known.status, None)
    return Answer(known.status, known.model.model_validate(plain(result)).model_dump(mode="json"))


def plain(value: Any) -> Any:
    """Models inside pages of anything, as dictionaries."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    return [plain(one) for one in value] if isinstance(value, list) else value
