"""Credit notes as they stand at Stripe, in any order of telling."""

from sqlalchemy import select

from services.billing.domain import CreditNote, credit_note_drafts
from services.billing.domain.facts import CreditNoteFact, Stamp
from services.billing.use_cases.applied import Applied
from services.billing.use_cases.loading import Loader
from services.billing.use_cases.post_entries import write
from shared.database import UnitOfWork


async def record_credit_note(work: UnitOfWork, loader: Loader, fact: CreditNoteFact, stamp: Stamp) -> Applied:
    """Keeps the newest snapshot, and books it. The invoice is held, so nobody else makes this credit note meanwhile."""
    account_id = loader.account(fact.customer_id)
    if account_id is None:
        return Applied("ignored: not a customer of ours")
    statement = select(CreditNote).where(CreditNote.stripe_credit_note_id == fact.stripe_credit_note_id)
    note = (await work.session.execute(statement.with_for_update())).scalar_one_or_none()
    if note is None:
        note = CreditNote.begin(fact, account_id)
        work.add(note)
    note.mirror(fact, stamp)
    await write(work, credit_note_drafts(note))
    return Applied(f"credit note {note.stripe_status}")
