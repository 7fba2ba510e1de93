"""The plumbing tables of this schema: outbox, inbox, idempotency keys; and business time."""

from services.billing.domain.base import Base
from shared.database import BusinessClocks
from shared.web.service import Plumbing

plumbing = Plumbing(Base.metadata)
clocks = BusinessClocks(Base.metadata)
