"""Rules and lifecycles of provisioning; no session, no network, no clock of its own.

resource  the one thing at a provider that an entitlement stands for
intents   what may be wanted of it, and which wish waits for, replaces or refuses which
plans     how an intent is carried out: steps as data
job       an intent on a resource, step by step
provider  where resources live
secret    what is shown once
customer  whose an account is
"""

from services.provisioning.domain.base import SCHEMA, Base
from services.provisioning.domain.customer import Customer
from services.provisioning.domain.intents import (
    ACTION,
    CHANGE,
    CREATE,
    LIFE,
    POSSIBLE,
    REMOVE,
    RESTORE,
    RESUME,
    RULES,
    SUSPEND,
    TERMINATE,
    Outcome,
    kind_of,
)
from services.provisioning.domain.job import STEP_STATES, Job, JobStep
from services.provisioning.domain.plans import RESERVE, JobPlan, StepPlan
from services.provisioning.domain.provider import PROVIDER_LIFECYCLE, Provider, ProviderHistory
from services.provisioning.domain.resource import (
    BY_HAND,
    DELAYED,
    ENDED,
    HELD,
    NO_ROOM,
    NOT_DELIVERED,
    RESOURCE_LIFECYCLE,
    SUSPENDED,
    SYSTEM,
    VALID,
    Resource,
    ResourceHistory,
)
from services.provisioning.domain.secret import OneTimeSecret

__all__ = [
    "ACTION",
    "BY_HAND",
    "CHANGE",
    "CREATE",
    "DELAYED",
    "ENDED",
    "HELD",
    "LIFE",
    "NOT_DELIVERED",
    "NO_ROOM",
    "POSSIBLE",
    "PROVIDER_LIFECYCLE",
    "REMOVE",
    "RESERVE",
    "RESOURCE_LIFECYCLE",
    "RESTORE",
    "RESUME",
    "RULES",
    "SCHEMA",
    "STEP_STATES",
    "SUSPEND",
    "SUSPENDED",
    "SYSTEM",
    "TERMINATE",
    "VALID",
    "Base",
    "Customer",
    "Job",
    "JobPlan",
    "JobStep",
    "OneTimeSecret",
    "Outcome",
    "Provider",
    "ProviderHistory",
    "Resource",
    "ResourceHistory",
    "StepPlan",
    "kind_of",
]
