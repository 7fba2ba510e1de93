"""The durable tables of this schema: outbox, inbox, idempotency keys, and the mails to send."""

from typing import cast

from sqlalchemy import Table

from services.support.domain import Notification
from services.support.domain.base import Base
from shared.database import DurableQueue
from shared.database.switches import Switches
from shared.web.service import Plumbing

plumbing = Plumbing(Base.metadata)
switches = Switches(Base.metadata)

# Stops all mail.
MAIL = "mail"

# Half an hour between attempts at most, for about four days: as long as RFC 5321 (4.5.4.1) asks a sender to try.
notifications = DurableQueue(
    "notifications",
    cast(Table, Notification.__table__),
    max_attempts=200,
    first_wait=2.0,
    longest_wait=1800.0,
)
