"""Tickets: a conversation with a customer, and whose turn it is."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Identity, Index, String, Text
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship

from services.support.domain.base import Base
from shared.database import History, Instant, PrefixedId, Stateful, status_check
from shared.kernel import Lifecycle, new_id

PRIORITIES = ("low", "normal", "high")
AUTHORS = ("customer", "staff", "system")
LONGEST_SUBJECT = 200
LONGEST_BODY = 10_000

TICKET_LIFECYCLE = Lifecycle(
    "ticket",
    start="open",
    moves={
        ("open", "answer"): "answered",
        ("customer_replied", "answer"): "answered",
        ("closed", "answer"): "answered",
        ("answered", "reply"): "customer_replied",
        ("closed", "reply"): "customer_replied",
        ("open", "close"): "closed",
        ("answered", "close"): "closed",
        ("customer_replied", "close"): "closed",
    },
    # A second message in a row changes nothing about whose turn it is.
    repeats={"answer": ("answered",), "reply": ("open", "customer_replied"), "close": ("closed",)},
)


class TicketHistory(History, Base):
    """How a ticket's status moved."""

    __tablename__ = "ticket_history"
    __table_args__ = (Index("ix_ticket_history_ticket_id_id", "ticket_id", "id"),)

    ticket_id: Mapped[str] = mapped_column(PrefixedId("tkt"), ForeignKey("tickets.id", ondelete="CASCADE"))


class Message(Base):
    """Something said in a ticket. An internal one is a note among staff; the customer never sees it."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint(f"author_kind IN ({', '.join(repr(kind) for kind in AUTHORS)})", name="author_kind"),
        Index("ix_messages_ticket_id_id", "ticket_id", "id"),
    )

    id: Mapped[str] = mapped_column(PrefixedId("msg"), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(PrefixedId("tkt"), ForeignKey("tickets.id", ondelete="CASCADE"))
    author_kind: Mapped[str] = mapped_column(String(10))
    author_id: Mapped[str | None] = mapped_column(PrefixedId("usr"))
    author_name: Mapped[str] = mapped_column(String(100))
    body: Mapped[str] = mapped_column(Text)
    internal: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(Instant)


class Ticket(Stateful, Base):
    """One question or problem of an account."""

    __tablename__ = "tickets"
    __table_args__ = (
        status_check(TICKET_LIFECYCLE),
        CheckConstraint(f"priority IN ({', '.join(repr(priority) for priority in PRIORITIES)})", name="priority"),
        Index("ix_tickets_account_id_id", "account_id", "id"),
        Index("ix_tickets_status_id", "status", "id"),
    )
    lifecycle = TICKET_LIFECYCLE
    history_model = TicketHistory

    id: Mapped[str] = mapped_column(PrefixedId("tkt"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, Identity(start=100_001), unique=True)
    account_id: Mapped[str] = mapped_column(PrefixedId("acc"))
    opened_by: Mapped[str | None] = mapped_column(PrefixedId("usr"))
    subject: Mapped[str] = mapped_column(String(LONGEST_SUBJECT))
    priority: Mapped[str] = mapped_column(String(10))
    service_id: Mapped[str | None] = mapped_column(PrefixedId("svc"))
    # What made the system open this ticket; the same cause opens no second one.
    cause: Mapped[str | None] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    history: WriteOnlyMapped[TicketHistory] = relationship(cascade="all, delete-orphan", passive_deletes=True)

    @classmethod
    def open(
        cls,
        *,
        account_id: str,
        opened_by: str | None,
        subject: str,
        priority: str,
        service_id: str | None,
        at: datetime,
        cause: str | None = None,
    ) -> "Ticket":
        """A new ticket, opened by a person of the account or, without `opened_by`, by the system."""
        ticket = cls(
            id=new_id("tkt"),
            account_id=account_id,
            opened_by=opened_by,
            subject=subject,
            priority=priority,
            service_id=service_id,
            cause=cause,
            created_at=at,
            updated_at=at,
        )
        ticket._begin(at=at, by=opened_by or "system")
        return ticket

    @property
    def number(self) -> str:
        """What people call the ticket, such as T-100123."""
        return f"T-{self.sequence}"

    def customer_says(self, body: str, *, user_id: str, name: str, at: datetime) -> Message:
        """The customer's turn is over; a closed ticket opens again."""
        self._move("reply", at=at, by=user_id)
        return self._say("customer", user_id, name, body, at)

    def staff_says(self, body: str, *, user_id: str, name: str, at: datetime) -> Message:
        """An answer to the customer; a closed ticket opens again."""
        self._move("answer", at=at, by=user_id)
        return self._say("staff", user_id, name, body, at)

    def note_for_staff(self, body: str, *, user_id: str | None, name: str, at: datetime) -> Message:
        """A note among staff: whose turn it is does not change, and the customer does not see it."""
        message = self._say("staff" if user_id else "system", user_id, name, body, at)
        message.internal = True
        return message

    def system_says(self, body: str, *, at: datetime) -> Message:
        """Words of ours to the customer that no person wrote."""
        return self._say("system", None, "EZ Solutions", body, at)

    def close(self, *, by: str, at: datetime) -> None:
        """The matter is settled, until somebody writes again."""
        if self._move("close", at=at, by=by):
            self.updated_at = at

    def _say(self, kind: str, author_id: str | None, name: str, body: str, at: datetime) -> Message:
        self.updated_at = at
        return Message(
            id=new_id("msg"),
            ticket_id=self.id,
            author_kind=kind,
            author_id=author_id,
            author_name=name,
            body=body,
            internal=False,
            created_at=at,
        )
