"""The billing schema as first released."""

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
        "checkouts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("order_number", sa.String(length=40), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("lines", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("order_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("session_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stripe_customer_id", sa.String(length=255), nullable=True),
        sa.Column("stripe_session_id", sa.String(length=255), nullable=True),
        sa.Column("session_url", sa.String(length=2048), nullable=True),
        sa.Column("stripe_subscription_id", sa.String(length=255), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mismatch", sa.String(length=200), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'expired', 'paid', 'mismatched')", name=op.f("ck_checkouts_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
        sa.UniqueConstraint("order_id", name=op.f("uq_checkouts_order_id")),
        sa.UniqueConstraint("stripe_session_id", name=op.f("uq_checkouts_stripe_session_id")),
        schema="billing",
    )
    op.create_index("ix_checkouts_account_id", "checkouts", ["account_id", "id"], unique=False, schema="billing")
    op.create_index(
        "ix_checkouts_open",
        "checkouts",
        ["checked_at"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_index(
        op.f("ix_checkouts_stripe_customer_id"), "checkouts", ["stripe_customer_id"], unique=False, schema="billing"
    )
    op.create_index(
        op.f("ix_checkouts_stripe_subscription_id"),
        "checkouts",
        ["stripe_subscription_id"],
        unique=False,
        schema="billing",
    )
    op.create_table(
        "closed_orders",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_closed_orders")),
        schema="billing",
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
        schema="billing",
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False, schema="billing"
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
        schema="billing",
    )
    op.create_index(
        "ix_inbox_ready",
        "inbox",
        ["next_attempt_at"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "invoices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stripe_invoice_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("stripe_subscription_id", sa.String(length=255), nullable=True),
        sa.Column("number", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("hosted_invoice_url", sa.String(length=2048), nullable=True),
        sa.Column("pdf_url", sa.String(length=2048), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of_order", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'open', 'uncollectible', 'void', 'paid')", name=op.f("ck_invoices_status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
        sa.UniqueConstraint("stripe_invoice_id", name=op.f("uq_invoices_stripe_invoice_id")),
        schema="billing",
    )
    op.create_index("ix_invoices_account_id", "invoices", ["account_id", "id"], unique=False, schema="billing")
    op.create_index(op.f("ix_invoices_order_id"), "invoices", ["order_id"], unique=False, schema="billing")
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
        schema="billing",
    )
    op.create_index(
        "ix_outbox_ready",
        "outbox",
        ["next_attempt_at"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "payers",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("account_name", sa.String(length=200), nullable=False),
        sa.Column("stripe_customer_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_payers")),
        sa.UniqueConstraint("stripe_customer_id", name=op.f("uq_payers_stripe_customer_id")),
        schema="billing",
    )
    op.create_table(
        "payments",
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("stripe_payment_intent_id", sa.String(length=255), nullable=True),
        sa.Column("stripe_customer_id", sa.String(length=255), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("failure_code", sa.String(length=100), nullable=True),
        sa.Column("failure_reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("dispute_status", sa.String(length=40), nullable=True),
        sa.Column("dispute_reason", sa.String(length=60), nullable=True),
        sa.Column("disputed_minor", sa.BigInteger(), nullable=False),
        sa.Column("dispute_as_of", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dispute_as_of_order", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_payments")),
        schema="billing",
    )
    op.create_index(op.f("ix_payments_account_id"), "payments", ["account_id"], unique=False, schema="billing")
    op.create_index(op.f("ix_payments_order_id"), "payments", ["order_id"], unique=False, schema="billing")
    op.create_index(
        op.f("ix_payments_stripe_payment_intent_id"),
        "payments",
        ["stripe_payment_intent_id"],
        unique=False,
        schema="billing",
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        schema="billing",
    )
    op.create_table(
        "stripe_events",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("api_version", sa.String(length=40), nullable=True),
        sa.Column("stripe_created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("object_id", sa.String(length=255), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.String(length=200), nullable=True),
        sa.Column(
            "received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
        sa.UniqueConstraint("seq", name=op.f("uq_stripe_events_seq")),
        schema="billing",
    )
    op.create_index(
        "ix_stripe_events_finished_at",
        "stripe_events",
        ["finished_at"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_index(
        "ix_stripe_events_ready",
        "stripe_events",
        ["next_attempt_at"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index("ix_stripe_events_type", "stripe_events", ["type", "seq"], unique=False, schema="billing")
    op.create_index(
        "ix_stripe_events_unfinished",
        "stripe_events",
        ["state", "seq"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "stripe_tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_tasks")),
        sa.UniqueConstraint("key", name=op.f("uq_stripe_tasks_key")),
        schema="billing",
    )
    op.create_index(
        "ix_stripe_tasks_finished_at",
        "stripe_tasks",
        ["finished_at"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_index(
        "ix_stripe_tasks_ready",
        "stripe_tasks",
        ["next_attempt_at"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "subscriptions",
        sa.Column("stripe_subscription_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_at_period_end", sa.Boolean(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of_order", sa.Integer(), nullable=False),
        sa.Column("as_of_event", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("stripe_subscription_id", name=op.f("pk_subscriptions")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_subscriptions_account_id"), "subscriptions", ["account_id"], unique=False, schema="billing"
    )
    op.create_index(op.f("ix_subscriptions_order_id"), "subscriptions", ["order_id"], unique=False, schema="billing")
    op.create_table(
        "sweeps",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("swept_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("after_id", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sweeps")),
        schema="billing",
    )
    op.create_table(
        "checkout_history",
        sa.Column("checkout_id", sa.Uuid(), nullable=False),
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
            ["checkout_id"],
            ["billing.checkouts.id"],
            name=op.f("fk_checkout_history_checkout_id_checkouts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkout_history")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_checkout_history_checkout_id"), "checkout_history", ["checkout_id"], unique=False, schema="billing"
    )
    op.create_table(
        "prices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("interval", sa.String(length=10), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("setup_fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("stripe_price_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["billing.plans.id"], name=op.f("fk_prices_plan_id_plans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint("stripe_price_id", name=op.f("uq_prices_stripe_price_id")),
        schema="billing",
    )
    op.create_index(op.f("ix_prices_plan_id"), "prices", ["plan_id"], unique=False, schema="billing")
    # lz4 costs a fraction of pglz's CPU per stored event; a PostgreSQL built without it keeps its default.
    op.execute(
        """
        DO $$ BEGIN
            ALTER TABLE billing.stripe_events ALTER COLUMN payload SET COMPRESSION lz4;
        EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN NULL;
        END $$
        """
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_index(op.f("ix_prices_plan_id"), table_name="prices", schema="billing")
    op.drop_table("prices", schema="billing")
    op.drop_index(op.f("ix_checkout_history_checkout_id"), table_name="checkout_history", schema="billing")
    op.drop_table("checkout_history", schema="billing")
    op.drop_table("sweeps", schema="billing")
    op.drop_index(op.f("ix_subscriptions_order_id"), table_name="subscriptions", schema="billing")
    op.drop_index(op.f("ix_subscriptions_account_id"), table_name="subscriptions", schema="billing")
    op.drop_table("subscriptions", schema="billing")
    op.drop_index(
        "ix_stripe_tasks_ready",
        table_name="stripe_tasks",
        schema="billing",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.drop_index(
        "ix_stripe_tasks_finished_at",
        table_name="stripe_tasks",
        schema="billing",
        postgresql_where=sa.text("state = 'done'"),
    )
    op.drop_table("stripe_tasks", schema="billing")
    op.drop_index(
        "ix_stripe_events_unfinished",
        table_name="stripe_events",
        schema="billing",
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.drop_index("ix_stripe_events_type", table_name="stripe_events", schema="billing")
    op.drop_index(
        "ix_stripe_events_ready",
        table_name="stripe_events",
        schema="billing",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.drop_index(
        "ix_stripe_events_finished_at",
        table_name="stripe_events",
        schema="billing",
        postgresql_where=sa.text("state = 'done'"),
    )
    op.drop_table("stripe_events", schema="billing")
    op.drop_table("plans", schema="billing")
    op.drop_index(op.f("ix_payments_stripe_payment_intent_id"), table_name="payments", schema="billing")
    op.drop_index(op.f("ix_payments_order_id"), table_name="payments", schema="billing")
    op.drop_index(op.f("ix_payments_account_id"), table_name="payments", schema="billing")
    op.drop_table("payments", schema="billing")
    op.drop_table("payers", schema="billing")
    op.drop_index("ix_outbox_ready", table_name="outbox", schema="billing", postgresql_where=sa.text("state = 'ready'"))
    op.drop_table("outbox", schema="billing")
    op.drop_index(op.f("ix_invoices_order_id"), table_name="invoices", schema="billing")
    op.drop_index("ix_invoices_account_id", table_name="invoices", schema="billing")
    op.drop_table("invoices", schema="billing")
    op.drop_index("ix_inbox_ready", table_name="inbox", schema="billing", postgresql_where=sa.text("state = 'ready'"))
    op.drop_table("inbox", schema="billing")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys", schema="billing")
    op.drop_table("idempotency_keys", schema="billing")
    op.drop_table("closed_orders", schema="billing")
    op.drop_index(op.f("ix_checkouts_stripe_subscription_id"), table_name="checkouts", schema="billing")
    op.drop_index(op.f("ix_checkouts_stripe_customer_id"), table_name="checkouts", schema="billing")
    op.drop_index(
        "ix_checkouts_open", table_name="checkouts", schema="billing", postgresql_where=sa.text("status = 'open'")
    )
    op.drop_index("ix_checkouts_account_id", table_name="checkouts", schema="billing")
    op.drop_table("checkouts", schema="billing")
