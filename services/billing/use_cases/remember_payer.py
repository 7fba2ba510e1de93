"""An account signed up: know who pays, and make it a customer at Stripe."""

from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import Payer
from services.billing.domain.stripe_task import ENSURE_CUSTOMER
from services.billing.use_cases.schedule import schedule
from shared.contracts.identity import UserRegistered
from shared.database import UnitOfWork


async def remember_payer(work: UnitOfWork, event: UserRegistered) -> None:
    """Keeps the account's particulars. A repeat changes nothing: the idempotent call at Stripe must stay the same."""
    await work.session.execute(
        insert(Payer)
        .values(
            account_id=event.account_id,
            user_id=event.user_id,
            email=event.email,
            name=event.name,
            account_name=event.account_name,
            created_at=work.clock.now(),
        )
        .on_conflict_do_nothing()
    )
    await schedule(work, ENSURE_CUSTOMER, f"customer:{event.account_id}", {"account_id": event.account_id})
