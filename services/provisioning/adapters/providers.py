"""The providers this process can reach: connectors made from rows when they are needed, and anew when a row changes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.provisioning.adapters.breaker import CircuitBreaker
from services.provisioning.adapters.capabilities import ProviderUnavailable
from services.provisioning.adapters.connectors import Connector, ConnectorKind, Place
from services.provisioning.adapters.secret_refs import SecretRefs
from services.provisioning.domain import Provider
from shared.database import Database

log = structlog.get_logger()


@dataclass(slots=True)
class Connected:
    """A provider with its connector, and the breaker all callers of this process share. `version` is its row's."""

    name: str
    version: int
    connector: Connector
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    users: int = 0
    retired: bool = False


class ProviderPool:
    """Connectors by provider. `kinds` makes them."""

    def __init__(
        self, database: Database, kinds: Mapping[str, ConnectorKind], secrets: SecretRefs, *, production: bool
    ) -> None:
        self.kinds = dict(kinds)
        self.secrets = secrets
        self._database = database
        self._production = production
        self._connected: dict[str, Connected] = {}

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Connected]:
        """The provider of this name, as its row says now. Raises ProviderUnavailable when that cannot be had."""
        async with self._database.read() as session:
            provider = await provider_named(session, name)
        if provider is None:
            raise ProviderUnavailable(f"There is no provider {name}")
        connected = await self._current(provider)
        connected.users += 1
        try:
            yield connected
        finally:
            connected.users -= 1
            if connected.retired and connected.users == 0:
                await connected.connector.aclose()

    def make(self, provider: Provider) -> Connector:
        """A connector for this row. Raises ValueError naming what is wrong with it, LookupError without its secret."""
        kind = self.kinds.get(provider.kind)
        if kind is None:
            raise ValueError(
                f"There is no kind of connector {provider.kind}; there are {', '.join(sorted(self.kinds))}"
            )
        secret = self.secrets.read(provider.secret_ref)
        return kind(Place(provider.name, provider.endpoint, secret, provider.settings, self._production))

    async def aclose(self) -> None:
        """Closes every connector."""
        for connected in self._connected.values():
            await connected.connector.aclose()
        self._connected.clear()

    async def _current(self, provider: Provider) -> Connected:
        known = self._connected.get(provider.name)
        if known is not None and known.version == provider.version:
            return known
        try:
            made = Connected(provider.name, provider.version, self.make(provider))
        except (ValueError, LookupError) as error:
            raise ProviderUnavailable(f"Provider {provider.name} cannot be used: {error}") from None
        self._connected[provider.name] = made
        if known is not None:
            log.info("connector_made_anew", provider=provider.name, version=provider.version)
            known.retired = True
            if known.users == 0:
                await known.connector.aclose()
        return made


async def provider_named(session: AsyncSession, name: str) -> Provider | None:
    """The provider's row."""
    return await session.scalar(select(Provider).where(Provider.name == name))
