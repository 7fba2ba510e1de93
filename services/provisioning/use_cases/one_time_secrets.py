"""One-time secrets: made before the first call that needs one, the same on every retry, shown once, then forgotten."""

import secrets

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from services.provisioning.domain import OneTimeSecret, Resource
from services.provisioning.use_cases.run_job import held_off_reason
from services.provisioning.use_cases.tools import Tools
from shared.database import UnitOfWork
from shared.kernel import Conflict, NotFound, Principal
from shared.web.problems import Gone

# Nothing that can be taken for something else when it is typed off a screen.
_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LENGTH = 20


async def one_time_secret(work: UnitOfWork, tools: Tools, resource_id: str) -> str | None:
    """The resource's secret, made now if there is none yet; None once it was shown. Raises Unsealable."""
    made = tools.sealer.seal("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)), resource_id)
    await work.session.execute(
        insert(OneTimeSecret)
        .values(resource_id=resource_id, sealed=made, created_at=work.clock.now())
        .on_conflict_do_nothing()
    )
    kept = await work.session.scalar(select(OneTimeSecret.sealed).where(OneTimeSecret.resource_id == resource_id))
    return None if kept is None else tools.sealer.open(kept, resource_id)


async def show_secret(work: UnitOfWork, tools: Tools, caller: Principal, resource_id: str) -> str:
    """The secret, for the only time.

    Raises NotFound when there is none for this caller, Conflict (service-not-active) unless the service is active,
    and Gone after it was shown.
    """
    statement = (
        select(Resource, OneTimeSecret)
        .outerjoin(OneTimeSecret, Resource.id == OneTimeSecret.resource_id)
        .where(Resource.id == resource_id, Resource.account_id == caller.account_id)
        .with_for_update(of=Resource)
    )
    found = (await work.session.execute(statement)).first()
    if found is None:
        raise NotFound("There is no such service.")
    resource, secret = found
    if resource.status != "active":
        detail = f"{held_off_reason(resource)}; the password is shown while it is active."
        raise Conflict(detail, slug="service-not-active")
    if secret is None:
        raise NotFound("There is no one-time password for this service.")
    if secret.sealed is None:
        detail = "The one-time password was shown already and is not kept. Set a new one inside the server."
        raise Gone(detail, slug="already-shown")
    value = tools.sealer.open(secret.sealed, resource_id)
    secret.sealed, secret.shown_at = None, work.clock.now()
    work.wake(f"timeline:{resource_id}")
    return value
