"""What provisioning holds about an account: its services, and what was done to them."""

from typing import cast

from sqlalchemy import Select, Table, select

from services.provisioning.adapters.tables import plumbing, timers
from services.provisioning.domain import Customer, Job, JobStep, OneTimeSecret, Resource, ResourceHistory
from shared.database import Database
from shared.web.privacy import ERASED_DOMAIN, Holding, Privacy

_DONE = "what was delivered, and when, stays with the order it was paid by"
_OVER = ("failed", "terminated", "removed")

_resources, _history, _jobs, _steps, _customers, _secrets = (
    cast(Table, model.__table__) for model in (Resource, ResourceHistory, Job, JobStep, Customer, OneTimeSecret)
)


def _services_of(account_id: str) -> Select[str]:
    return select(Resource.id).where(Resource.account_id == account_id)


def _jobs_of(account_id: str) -> Select[str]:
    return select(Job.id).where(Job.resource_id.in_(_services_of(account_id)))


HOLDINGS = (
    Holding(
        _resources,
        lambda account_id: _resources.c.account_id == account_id,
        erase={"name": f"host.{ERASED_DOMAIN}", "configuration": {}, "attributes": {}, "address": None},
        only=lambda _account_id: _resources.c.status.in_(_OVER),
        kept=f"{_DONE}; a service that still runs keeps the name its machine has",
    ),
    Holding(_history, lambda account_id: _history.c.resource_id.in_(_services_of(account_id)), kept=_DONE),
    Holding(
        _jobs,
        lambda account_id: _jobs.c.resource_id.in_(_services_of(account_id)),
        erase={"details": {}},
        only=lambda _account_id: _jobs.c.state != "ready",
        kept="actions for 90 days, what was decided about a service with its history",
    ),
    Holding(_steps, lambda account_id: _steps.c.job_id.in_(_jobs_of(account_id)), kept="as long as their jobs"),
    Holding(_customers, lambda account_id: _customers.c.account_id == account_id, delete=True),
    Holding(
        _secrets,
        lambda account_id: _secrets.c.resource_id.in_(_services_of(account_id)),
        erase={"sealed": None},
        only=lambda account_id: _secrets.c.resource_id.in_(_services_of(account_id).where(Resource._status.in_(_OVER))),
        kept="that a password was made and shown",
        secret=frozenset({"sealed"}),
    ),
    Holding(timers.table, lambda account_id: timers.table.c.account_id == account_id),
    Holding(timers.clocks.table, lambda account_id: timers.clocks.table.c.account_id == account_id),
)


def privacy(database: Database) -> Privacy:
    """Provisioning's port."""
    return Privacy(database, plumbing, HOLDINGS)
