"""Keep refunds, disputes and credit notes one by one, and book what moved in a ledger that only grows."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The ledger only grows, whoever asks. An entry has postings, which sum to zero per currency and come with the entry:
# looked at when the transaction commits, because they are written one after the other.
_GUARDS = (
    """
    CREATE FUNCTION billing.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        RAISE EXCEPTION 'the ledger only grows: % on % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE FUNCTION billing.check_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE checked uuid := CASE TG_TABLE_NAME WHEN 'entries' THEN to_jsonb(NEW) ->> 'id'
                                 ELSE to_jsonb(NEW) ->> 'entry_id' END;
    BEGIN
        IF NOT EXISTS (SELECT FROM billing.postings WHERE entry_id = checked) THEN
            RAISE EXCEPTION 'entry % has no postings', checked USING ERRCODE = 'check_violation';
        END IF;
        IF EXISTS (SELECT FROM billing.postings WHERE entry_id = checked
                   GROUP BY currency HAVING sum(amount_minor) <> 0) THEN
            RAISE EXCEPTION 'entry % does not balance', checked USING ERRCODE = 'check_violation';
        END IF;
        IF NOT EXISTS (SELECT FROM billing.entries WHERE id = checked AND xmin = pg_current_xact_id()::xid) THEN
            RAISE EXCEPTION 'entry % was closed before', checked USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    *(
        f"CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON billing.{table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION billing.refuse_change()"
        for table in ("entries", "postings")
    ),
    *(
        f"CREATE CONSTRAINT TRIGGER balances AFTER INSERT ON billing.{table} DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION billing.check_entry()"
        for table in ("entries", "postings")
    ),
)


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "credit_notes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stripe_credit_note_id", sa.String(length=255), nullable=False),
        sa.Column("stripe_invoice_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("before_payment_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("out_of_band_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stripe_status", sa.String(length=40), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of_order", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('issued', 'void', 'other')", name=op.f("ck_credit_notes_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint("stripe_credit_note_id", name=op.f("uq_credit_notes_stripe_credit_note_id")),
        schema="billing",
    )
    op.create_index(op.f("ix_credit_notes_account_id"), "credit_notes", ["account_id"], unique=False, schema="billing")
    op.create_index(
        op.f("ix_credit_notes_stripe_invoice_id"), "credit_notes", ["stripe_invoice_id"], unique=False, schema="billing"
    )
    op.create_table(
        "disputes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stripe_dispute_id", sa.String(length=255), nullable=False),
        sa.Column("charge", sa.String(length=255), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("fees", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reinstated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stripe_status", sa.String(length=40), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of_order", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('needs_response', 'under_review', 'warning_open', 'warning_under_review', "
            "'warning_closed', 'prevented', 'lost', 'appeal_open', 'appeal_under_review', 'won', 'other')",
            name=op.f("ck_disputes_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disputes")),
        sa.UniqueConstraint("stripe_dispute_id", name=op.f("uq_disputes_stripe_dispute_id")),
        schema="billing",
    )
    op.create_index(op.f("ix_disputes_charge"), "disputes", ["charge"], unique=False, schema="billing")
    op.create_index(
        "ix_disputes_open",
        "disputes",
        ["id"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_index(
        "ix_disputes_unannounced",
        "disputes",
        ["id"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text(
            "opened_announced_at IS NULL OR (closed_at IS NOT NULL AND closed_announced_at IS NULL)"
        ),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("stripe_id", sa.String(length=255), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("charge", sa.String(length=255), nullable=True),
        sa.Column("invoice", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
        sa.UniqueConstraint("kind", "stripe_id", name="uq_entries_fact"),
        schema="billing",
    )
    op.create_index(
        "ix_entries_charge",
        "entries",
        ["charge"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("charge IS NOT NULL"),
    )
    op.create_index(
        "ix_entries_invoice",
        "entries",
        ["invoice"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("invoice IS NOT NULL"),
    )
    op.create_index("ix_entries_kind_at", "entries", ["kind", "at"], unique=False, schema="billing")
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stripe_refund_id", sa.String(length=255), nullable=False),
        sa.Column("charge", sa.String(length=255), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=True),
        sa.Column("failure_reason", sa.String(length=60), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stripe_status", sa.String(length=40), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of_order", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'requires_action', 'succeeded', 'canceled', 'failed', 'other')",
            name=op.f("ck_refunds_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("stripe_refund_id", name=op.f("uq_refunds_stripe_refund_id")),
        schema="billing",
    )
    op.create_index(op.f("ix_refunds_charge"), "refunds", ["charge"], unique=False, schema="billing")
    op.create_index(
        "ix_refunds_unannounced",
        "refunds",
        ["id"],
        unique=False,
        schema="billing",
        postgresql_where=sa.text("status = 'succeeded' AND announced_at IS NULL"),
    )
    op.create_table(
        "credit_note_history",
        sa.Column("credit_note_id", sa.Uuid(), nullable=False),
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
            ["credit_note_id"],
            ["billing.credit_notes.id"],
            name=op.f("fk_credit_note_history_credit_note_id_credit_notes"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note_history")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_credit_note_history_credit_note_id"),
        "credit_note_history",
        ["credit_note_id"],
        unique=False,
        schema="billing",
    )
    op.create_table(
        "dispute_history",
        sa.Column("dispute_id", sa.Uuid(), nullable=False),
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
            ["dispute_id"],
            ["billing.disputes.id"],
            name=op.f("fk_dispute_history_dispute_id_disputes"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispute_history")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_dispute_history_dispute_id"), "dispute_history", ["dispute_id"], unique=False, schema="billing"
    )
    op.create_table(
        "postings",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(length=20), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "account IN ('stripe_clearing', 'receivables', 'customer_credit', 'revenue', 'refunds', "
            "'disputes', 'fees')",
            name=op.f("ck_postings_account"),
        ),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_postings_amount_minor")),
        sa.ForeignKeyConstraint(["entry_id"], ["billing.entries.id"], name=op.f("fk_postings_entry_id_entries")),
        sa.PrimaryKeyConstraint("entry_id", "account", "currency", name=op.f("pk_postings")),
        schema="billing",
    )
    op.create_index(
        "ix_postings_balance",
        "postings",
        ["account", "currency"],
        unique=False,
        schema="billing",
        postgresql_include=["amount_minor"],
    )
    op.create_table(
        "refund_history",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
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
            ["refund_id"], ["billing.refunds.id"], name=op.f("fk_refund_history_refund_id_refunds"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund_history")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_refund_history_refund_id"), "refund_history", ["refund_id"], unique=False, schema="billing"
    )
    op.add_column(
        "invoices",
        sa.Column("balance_applied_minor", sa.BigInteger(), server_default="0", nullable=False),
        schema="billing",
    )
    op.add_column("invoices", sa.Column("finalized_at", sa.DateTime(timezone=True), nullable=True), schema="billing")
    op.add_column("invoices", sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True), schema="billing")
    op.add_column("payments", sa.Column("charged_at", sa.DateTime(timezone=True), nullable=True), schema="billing")
    op.add_column(
        "payments", sa.Column("fee", postgresql.JSONB(astext_type=sa.Text()), nullable=True), schema="billing"
    )
    op.add_column(
        "payments", sa.Column("refunds_booked_until", sa.DateTime(timezone=True), nullable=True), schema="billing"
    )
    op.add_column(
        "payments", sa.Column("disputes_booked_until", sa.DateTime(timezone=True), nullable=True), schema="billing"
    )
    op.create_table(
        "ledger_backfill",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("after_key", sa.String(length=255), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ledger_backfill")),
        schema="billing",
    )
    op.execute(
        "INSERT INTO billing.ledger_backfill (name, after_key) "
        "VALUES ('events', ''), ('payments', ''), ('invoices', '')"
    )
    for statement in _GUARDS:
        op.execute(statement)


def downgrade() -> None:
    """Takes the change back."""
    op.drop_table("ledger_backfill", schema="billing")
    op.drop_column("payments", "disputes_booked_until", schema="billing")
    op.drop_column("payments", "refunds_booked_until", schema="billing")
    op.drop_column("payments", "fee", schema="billing")
    op.drop_column("payments", "charged_at", schema="billing")
    op.drop_column("invoices", "voided_at", schema="billing")
    op.drop_column("invoices", "finalized_at", schema="billing")
    op.drop_column("invoices", "balance_applied_minor", schema="billing")
    op.drop_index(op.f("ix_refund_history_refund_id"), table_name="refund_history", schema="billing")
    op.drop_table("refund_history", schema="billing")
    op.drop_index("ix_postings_balance", table_name="postings", schema="billing", postgresql_include=["amount_minor"])
    op.drop_table("postings", schema="billing")
    op.drop_index(op.f("ix_dispute_history_dispute_id"), table_name="dispute_history", schema="billing")
    op.drop_table("dispute_history", schema="billing")
    op.drop_index(op.f("ix_credit_note_history_credit_note_id"), table_name="credit_note_history", schema="billing")
    op.drop_table("credit_note_history", schema="billing")
    op.drop_index(
        "ix_refunds_unannounced",
        table_name="refunds",
        schema="billing",
        postgresql_where=sa.text("status = 'succeeded' AND announced_at IS NULL"),
    )
    op.drop_index(op.f("ix_refunds_charge"), table_name="refunds", schema="billing")
    op.drop_table("refunds", schema="billing")
    op.drop_index("ix_entries_kind_at", table_name="entries", schema="billing")
    op.drop_index(
        "ix_entries_invoice", table_name="entries", schema="billing", postgresql_where=sa.text("invoice IS NOT NULL")
    )
    op.drop_index(
        "ix_entries_charge", table_name="entries", schema="billing", postgresql_where=sa.text("charge IS NOT NULL")
    )
    op.drop_table("entries", schema="billing")
    op.execute("DROP FUNCTION billing.refuse_change")
    op.execute("DROP FUNCTION billing.check_entry")
    op.drop_index(
        "ix_disputes_unannounced",
        table_name="disputes",
        schema="billing",
        postgresql_where=sa.text(
            "opened_announced_at IS NULL OR (closed_at IS NOT NULL AND closed_announced_at IS NULL)"
        ),
    )
    op.drop_index(
        "ix_disputes_open", table_name="disputes", schema="billing", postgresql_where=sa.text("closed_at IS NULL")
    )
    op.drop_index(op.f("ix_disputes_charge"), table_name="disputes", schema="billing")
    op.drop_table("disputes", schema="billing")
    op.drop_index(op.f("ix_credit_notes_stripe_invoice_id"), table_name="credit_notes", schema="billing")
    op.drop_index(op.f("ix_credit_notes_account_id"), table_name="credit_notes", schema="billing")
    op.drop_table("credit_notes", schema="billing")
