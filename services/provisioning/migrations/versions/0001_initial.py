"""The first schema."""

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
        schema="provisioning",
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False, schema="provisioning"
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
        schema="provisioning",
    )
    op.create_index(
        "ix_inbox_ready",
        "inbox",
        ["next_attempt_at"],
        unique=False,
        schema="provisioning",
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
        schema="provisioning",
    )
    op.create_index(
        "ix_outbox_ready",
        "outbox",
        ["next_attempt_at"],
        unique=False,
        schema="provisioning",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "resources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("product_type", sa.String(length=20), nullable=False),
        sa.Column("plan_code", sa.String(length=64), nullable=False),
        sa.Column("plan_name", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=True),
        sa.Column("machine_id", sa.BigInteger(), nullable=True),
        sa.Column("ipv4", sa.String(length=15), nullable=True),
        sa.Column("power", sa.String(length=10), nullable=True),
        sa.Column("delayed", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'provisioning', 'failed', 'active', 'suspended', 'terminated')",
            name=op.f("ck_resources_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resources")),
        sa.UniqueConstraint("entitlement_id", name=op.f("uq_resources_entitlement_id")),
        schema="provisioning",
    )
    op.create_index(
        "ix_resources_account_id_id", "resources", ["account_id", "id"], unique=False, schema="provisioning"
    )
    op.create_index(
        "ix_resources_name",
        "resources",
        [sa.literal_column("lower(name)").label("lowered")],
        unique=False,
        schema="provisioning",
        postgresql_ops={"lowered": "text_pattern_ops"},
    )
    op.create_index("ix_resources_order_id_id", "resources", ["order_id", "id"], unique=False, schema="provisioning")
    op.create_index(
        "ix_resources_provider_active",
        "resources",
        ["provider"],
        unique=False,
        schema="provisioning",
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index(
        "uq_resources_provider_machine_id",
        "resources",
        ["provider", "machine_id"],
        unique=True,
        schema="provisioning",
        postgresql_where=sa.text("machine_id IS NOT NULL AND status <> 'terminated'"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=300), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_by", sa.String(length=64), nullable=False),
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
        sa.CheckConstraint("kind IN ('create', 'start', 'stop', 'reboot')", name=op.f("ck_jobs_kind")),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["provisioning.resources.id"],
            name=op.f("fk_jobs_resource_id_resources"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_jobs_idempotency_key")),
        schema="provisioning",
    )
    op.create_index(
        "ix_jobs_deadline_at",
        "jobs",
        ["deadline_at"],
        unique=False,
        schema="provisioning",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "ix_jobs_ready",
        "jobs",
        ["next_attempt_at"],
        unique=False,
        schema="provisioning",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index("ix_jobs_resource_id", "jobs", ["resource_id"], unique=False, schema="provisioning")
    op.create_index("ix_jobs_state_id", "jobs", ["state", "id"], unique=False, schema="provisioning")
    op.create_index(
        "uq_jobs_pending_power",
        "jobs",
        ["resource_id"],
        unique=True,
        schema="provisioning",
        postgresql_where=sa.text("kind <> 'create' AND state = 'ready'"),
    )
    op.create_table(
        "resource_history",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
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
            ["resource_id"],
            ["provisioning.resources.id"],
            name=op.f("fk_resource_history_resource_id_resources"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_history")),
        schema="provisioning",
    )
    op.create_index(
        "ix_resource_history_resource_id_id",
        "resource_history",
        ["resource_id", "id"],
        unique=False,
        schema="provisioning",
    )
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'active', 'done', 'failed')", name=op.f("ck_job_steps_state")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["provisioning.jobs.id"], name=op.f("fk_job_steps_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_job_steps")),
        sa.UniqueConstraint("job_id", "name", name=op.f("uq_job_steps_job_id_name")),
        schema="provisioning",
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_table("job_steps", schema="provisioning")
    op.drop_index("ix_resource_history_resource_id_id", table_name="resource_history", schema="provisioning")
    op.drop_table("resource_history", schema="provisioning")
    op.drop_index(
        "uq_jobs_pending_power",
        table_name="jobs",
        schema="provisioning",
        postgresql_where=sa.text("kind <> 'create' AND state = 'ready'"),
    )
    op.drop_index("ix_jobs_state_id", table_name="jobs", schema="provisioning")
    op.drop_index("ix_jobs_resource_id", table_name="jobs", schema="provisioning")
    op.drop_index(
        "ix_jobs_ready", table_name="jobs", schema="provisioning", postgresql_where=sa.text("state = 'ready'")
    )
    op.drop_index(
        "ix_jobs_deadline_at", table_name="jobs", schema="provisioning", postgresql_where=sa.text("state = 'ready'")
    )
    op.drop_table("jobs", schema="provisioning")
    op.drop_index(
        "uq_resources_provider_machine_id",
        table_name="resources",
        schema="provisioning",
        postgresql_where=sa.text("machine_id IS NOT NULL AND status <> 'terminated'"),
    )
    op.drop_index(
        "ix_resources_provider_active",
        table_name="resources",
        schema="provisioning",
        postgresql_where=sa.text("status = 'active'"),
    )
    op.drop_index("ix_resources_order_id_id", table_name="resources", schema="provisioning")
    op.drop_index(
        "ix_resources_name",
        table_name="resources",
        schema="provisioning",
        postgresql_ops={"lowered": "text_pattern_ops"},
    )
    op.drop_index("ix_resources_account_id_id", table_name="resources", schema="provisioning")
    op.drop_table("resources", schema="provisioning")
    op.drop_index(
        "ix_outbox_ready", table_name="outbox", schema="provisioning", postgresql_where=sa.text("state = 'ready'")
    )
    op.drop_table("outbox", schema="provisioning")
    op.drop_index(
        "ix_inbox_ready", table_name="inbox", schema="provisioning", postgresql_where=sa.text("state = 'ready'")
    )
    op.drop_table("inbox", schema="provisioning")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys", schema="provisioning")
    op.drop_table("idempotency_keys", schema="provisioning")
