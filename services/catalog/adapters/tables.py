"""The plumbing tables of this schema: outbox, inbox, idempotency keys; and its timers."""

from services.catalog.domain.base import Base
from shared.database import Timers
from shared.web.service import Plumbing

plumbing = Plumbing(Base.metadata)
timers = Timers(Base.metadata)
