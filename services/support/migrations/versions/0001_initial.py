"""The whole schema as first released."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "contacts",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("locale", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_contacts")),
        schema="support",
    )
    op.create_index(
        "ix_contacts_account_id_created_at", "contacts", ["account_id", "created_at"], unique=False, schema="support"
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("owner", "key", name=op.f("pk_idempotency_keys")),
        schema="support",
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False, schema="support"
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="ready", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("failure_class", sa.String(length=12), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("trace", sa.String(length=64), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        schema="support",
    )
    op.create_index(
        "ix_inbox_ready",
        "inbox",
        ["next_attempt_at"],
        unique=False,
        schema="support",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "known_services",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_services")),
        schema="support",
    )
    op.create_index("ix_known_services_account_id", "known_services", ["account_id"], unique=False, schema="support")
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("dedupe_key", sa.String(length=120), nullable=False),
        sa.Column("template", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("recipient_name", sa.String(length=100), nullable=False),
        sa.Column("context", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=10), server_default="ready", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("failure_class", sa.String(length=12), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("trace", sa.String(length=64), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_notifications_dedupe_key")),
        schema="support",
    )
    op.create_index("ix_notifications_finished_at", "notifications", ["finished_at"], unique=False, schema="support")
    op.create_index(
        "ix_notifications_ready",
        "notifications",
        ["next_attempt_at"],
        unique=False,
        schema="support",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("type", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), server_default="ready", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("failure_class", sa.String(length=12), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("trace", sa.String(length=64), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        schema="support",
    )
    op.create_index(
        "ix_outbox_ready",
        "outbox",
        ["next_attempt_at"],
        unique=False,
        schema="support",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), sa.Identity(always=False, start=100001), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("cause", sa.String(length=120), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("priority IN ('low', 'normal', 'high')", name=op.f("ck_tickets_priority")),
        sa.CheckConstraint(
            "status IN ('open', 'customer_replied', 'closed', 'answered')", name=op.f("ck_tickets_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("cause", name=op.f("uq_tickets_cause")),
        sa.UniqueConstraint("sequence", name=op.f("uq_tickets_sequence")),
        schema="support",
    )
    op.create_index("ix_tickets_account_id_id", "tickets", ["account_id", "id"], unique=False, schema="support")
    op.create_index("ix_tickets_status_id", "tickets", ["status", "id"], unique=False, schema="support")
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("author_kind", sa.String(length=10), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("author_name", sa.String(length=100), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("author_kind IN ('customer', 'staff', 'system')", name=op.f("ck_messages_author_kind")),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["support.tickets.id"], name=op.f("fk_messages_ticket_id_tickets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        schema="support",
    )
    op.create_index("ix_messages_ticket_id_id", "messages", ["ticket_id", "id"], unique=False, schema="support")
    op.create_table(
        "ticket_history",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("verb", sa.String(length=40), nullable=False),
        sa.Column("from_status", sa.String(length=20), nullable=False),
        sa.Column("to_status", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trace", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["support.tickets.id"], name=op.f("fk_ticket_history_ticket_id_tickets"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_history")),
        schema="support",
    )
    op.create_index(
        "ix_ticket_history_ticket_id_id", "ticket_history", ["ticket_id", "id"], unique=False, schema="support"
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_index("ix_ticket_history_ticket_id_id", table_name="ticket_history", schema="support")
    op.drop_table("ticket_history", schema="support")
    op.drop_index("ix_messages_ticket_id_id", table_name="messages", schema="support")
    op.drop_table("messages", schema="support")
    op.drop_index("ix_tickets_status_id", table_name="tickets", schema="support")
    op.drop_index("ix_tickets_account_id_id", table_name="tickets", schema="support")
    op.drop_table("tickets", schema="support")
    op.drop_index("ix_outbox_ready", table_name="outbox", schema="support", postgresql_where=sa.text("state = 'ready'"))
    op.drop_table("outbox", schema="support")
    op.drop_index(
        "ix_notifications_ready",
        table_name="notifications",
        schema="support",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.drop_index("ix_notifications_finished_at", table_name="notifications", schema="support")
    op.drop_table("notifications", schema="support")
    op.drop_index("ix_known_services_account_id", table_name="known_services", schema="support")
    op.drop_table("known_services", schema="support")
    op.drop_index("ix_inbox_ready", table_name="inbox", schema="support", postgresql_where=sa.text("state = 'ready'"))
    op.drop_table("inbox", schema="support")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys", schema="support")
    op.drop_table("idempotency_keys", schema="support")
    op.drop_index("ix_contacts_account_id_created_at", table_name="contacts", schema="support")
    op.drop_table("contacts", schema="support")
