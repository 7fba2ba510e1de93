"""Numbers a provider's things are called by: given out by our books, each once, at the same cost however many live
there.
"""

from datetime import timedelta

from sqlalchemy import update

from services.provisioning.domain import Provider
from shared.database import UnitOfWork

# As long as it takes everything that was ordered around a restore of our books to be made.
_LOOKED_AFTER_A_SURPRISE = timedelta(minutes=30)


async def next_number(work: UnitOfWork, provider: str) -> int:
    """A number that was never given to anything there before, in this or any other process."""
    given = await work.session.scalar(
        update(Provider)
        .where(Provider.name == provider)
        .values(next_number=Provider.next_number + 1)
        .returning(Provider.next_number - 1)
        .execution_options(synchronize_session=False)
    )
    if given is None:
        raise LookupError(f"There is no provider {provider}")
    return int(given)


async def look_before_making(work: UnitOfWork, provider: str) -> None:
    """A new number was in use there. Whatever is made in the near future is looked up in its whole listing first."""
    await work.session.execute(
        update(Provider)
        .where(Provider.name == provider)
        .values(look_until=work.clock.now() + _LOOKED_AFTER_A_SURPRISE)
        .execution_options(synchronize_session=False)
    )
