"""How staff stop all writing to all providers."""

from fastapi import APIRouter

from services.provisioning.api.schemas import SwitchBody
from services.provisioning.queries.providers import read_writes
from services.provisioning.use_cases.switches import turn_provider_writes
from services.provisioning.use_cases.tools import Tools
from shared.contracts.reads.provisioning import SwitchView
from shared.database import Database
from shared.web.access import Caller, staff_router


def switch_routes(database: Database, tools: Tools) -> APIRouter:
    """One switch, over every provider."""
    router = staff_router()

    @router.put("/switches/provider-writes", permission="staff.switches.write", fresh=True)
    async def turn_switch_of_provider_writes(caller: Caller, body: SwitchBody) -> SwitchView:
        """Stops all writing to all providers from each job's next step on, or allows it again. Reading goes on."""
        await database.run(lambda work: turn_provider_writes(work, tools, engaged=body.engaged, reason=body.reason))
        async with database.read() as session:
            return await read_writes(session, caller)

    return router
