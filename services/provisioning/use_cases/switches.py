"""The switch that stops all writes to all providers."""

from services.provisioning.adapters.tables import PROVIDER_WRITES, switches
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork


async def turn_provider_writes(work: UnitOfWork, tools: Tools, *, engaged: bool, reason: str) -> None:
    """Stops all writing (`engaged`) or allows it again; what waits then goes on at once. Turning it to where it is
    changes nothing."""
    await switches.turn(work, PROVIDER_WRITES, engaged=engaged, reason=reason)
    if not engaged:
        await tools.queue.make_all_due(work.session)
        work.wake(tools.queue.name)
