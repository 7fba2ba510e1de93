"""Staff stop all mail, and let it flow again: nothing is lost meanwhile."""

import structlog
from sqlalchemy import func, update

from services.support.adapters.tables import MAIL, notifications, switches
from shared.database import UnitOfWork
from shared.database.switches import SwitchState

log = structlog.get_logger()


async def turn_mail(work: UnitOfWork, *, engaged: bool, reason: str) -> SwitchState:
    """Engaged, no mail leaves; what is written down waits without using up attempts. Disengaged, it leaves at once."""
    state = await switches.turn(work, MAIL, engaged=engaged, reason=reason)
    log.warning("mail_switch", engaged=engaged, by=work.actor)
    if not engaged:
        table = notifications.table
        await work.session.execute(
            update(table)
            .where(table.c.state == "ready", table.c.lease_token.is_(None), table.c.last_error.is_(None))
            .values(next_attempt_at=func.clock_timestamp())
        )
        work.wake(notifications.name)
    return state
