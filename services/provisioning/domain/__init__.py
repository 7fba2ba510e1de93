"""Rules and lifecycles of provisioning; no session, no network, no clock of its own."""

from services.provisioning.domain.base import SCHEMA, Base
from services.provisioning.domain.job import STEP_STATES, Job, JobStep
from services.provisioning.domain.plans import CREATE, KINDS, PLANS, POWER_ACTIONS, PROVIDERS, RESERVE, START, JobPlan
from services.provisioning.domain.resource import (
    BY_HAND,
    DELAYED,
    NOT_DELIVERED,
    RESOURCE_LIFECYCLE,
    SYSTEM,
    Resource,
    ResourceHistory,
)

__all__ = [
    "BY_HAND",
    "CREATE",
    "DELAYED",
    "KINDS",
    "NOT_DELIVERED",
    "PLANS",
    "POWER_ACTIONS",
    "PROVIDERS",
    "RESERVE",
    "RESOURCE_LIFECYCLE",
    "SCHEMA",
    "START",
    "STEP_STATES",
    "SYSTEM",
    "Base",
    "Job",
    "JobPlan",
    "JobStep",
    "Resource",
    "ResourceHistory",
]
