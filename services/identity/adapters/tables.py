"""The plumbing tables of this schema: outbox, inbox, idempotency keys."""

from services.identity.domain.base import Base
from shared.web.service import Plumbing

plumbing = Plumbing(Base.metadata)
