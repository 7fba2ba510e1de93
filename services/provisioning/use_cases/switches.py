"""The switch that stops all writes to all providers."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.provisioning.domain import PROVIDER_WRITES, Switch, SwitchHistory
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork


async def turn_provider_writes(work: UnitOfWork, tools: Tools, *, engaged: bool, reason: str, by: str) -> None:
    """Stops all writing (`engaged`) or allows it again; what waits then goes on at once. Turning it to where it is
    changes nothing."""
    now = work.clock.now()
    await work.session.execute(
        insert(Switch)
        .values(name=PROVIDER_WRITES, engaged=False, by=by, reason="", changed_at=now)
        .on_conflict_do_nothing()
    )
    switch = await work.one(select(Switch).where(Switch.name == PROVIDER_WRITES).with_for_update(), "No such switch.")
    if switch.engaged == engaged:
        return
    switch.engaged, switch.by, switch.reason, switch.changed_at = engaged, by, reason, now
    work.add(SwitchHistory(name=PROVIDER_WRITES, engaged=engaged, by=by, reason=reason, at=now))
    if not engaged:
        await tools.queue.hurry_all(work.session)
        work.wake(tools.queue.name)
