"""How staff manage providers."""

from fastapi import APIRouter

from services.provisioning.adapters.providers import ProviderPool
from services.provisioning.api.schemas import NewProvider, ProviderChange, ReasonBody
from services.provisioning.queries.providers import provider_view, read_provider, read_providers
from services.provisioning.use_cases.providers import (
    ProviderFields,
    add_provider,
    change_provider,
    move_provider,
)
from services.provisioning.use_cases.tools import Tools
from shared.contracts.reads.provisioning import ProvidersView, ProviderView
from shared.database import Database, UnitOfWork
from shared.kernel import Principal
from shared.web.access import Caller, staff_router
from shared.web.fields import path_id

ProviderId = path_id("prv")


def provider_routes(database: Database, tools: Tools, pool: ProviderPool) -> APIRouter:
    """`pool` says which kinds there are and where secrets may be."""
    router = staff_router()

    @router.get("/providers", permission="staff.providers.read")
    async def list_providers(caller: Caller) -> ProvidersView:
        """Every provider, and the switch over all of them."""
        async with database.read() as session:
            return await read_providers(session, caller)

    @router.get("/providers/{provider_id}", permission="staff.providers.read")
    async def read_one_provider(caller: Caller, provider_id: ProviderId) -> ProviderView:  # type: ignore[valid-type]
        """One provider."""
        async with database.read() as session:
            return await read_provider(session, caller, provider_id)

    @router.post("/providers", permission="staff.providers.write", fresh=True, status_code=201)
    async def create_provider(caller: Caller, body: NewProvider) -> ProviderView:
        """Adds a provider, which takes work at once."""
        fields = ProviderFields(**body.model_dump(exclude={"name", "reason"}))

        async def change(work: UnitOfWork) -> ProviderView:
            return provider_view(
                await add_provider(work, tools, pool, body.name, fields, reason=body.reason, by=caller.subject)
            )

        return await database.run(change)

    @router.patch("/providers/{provider_id}", permission="staff.providers.write", fresh=True)
    async def edit_provider(
        caller: Caller,
        provider_id: ProviderId,  # type: ignore[valid-type]
        body: ProviderChange,
    ) -> ProviderView:
        """Changes the fields that are given. Connectors are made anew."""

        async def change(work: UnitOfWork) -> ProviderView:
            return provider_view(
                await change_provider(
                    work,
                    tools,
                    pool,
                    provider_id,
                    body.changes(),
                    version=body.version,
                    reason=body.reason,
                    by=caller.subject,
                )
            )

        return await database.run(change)

    @router.post("/providers/{provider_id}/pause", permission="staff.providers.write")
    async def pause_provider(
        caller: Caller,
        provider_id: ProviderId,  # type: ignore[valid-type]
        body: ReasonBody,
    ) -> ProviderView:
        """It gets no new work, and what is under way for it waits."""
        return await _moved(database, tools, caller, provider_id, "pause", body.reason)

    @router.post("/providers/{provider_id}/fill", permission="staff.providers.write")
    async def fill_provider(
        caller: Caller,
        provider_id: ProviderId,  # type: ignore[valid-type]
        body: ReasonBody,
    ) -> ProviderView:
        """It gets no new work; what runs there goes on."""
        return await _moved(database, tools, caller, provider_id, "fill", body.reason)

    @router.post("/providers/{provider_id}/open", permission="staff.providers.write")
    async def open_provider(
        caller: Caller,
        provider_id: ProviderId,  # type: ignore[valid-type]
        body: ReasonBody,
    ) -> ProviderView:
        """It takes work; what waited for it goes on at once."""
        return await _moved(database, tools, caller, provider_id, "open", body.reason)

    return router


async def _moved(
    database: Database, tools: Tools, caller: Principal, provider_id: str, verb: str, reason: str
) -> ProviderView:
    async def change(work: UnitOfWork) -> ProviderView:
        return provider_view(await move_provider(work, tools, provider_id, verb, reason=reason, by=caller.subject))

    return await database.run(change)
