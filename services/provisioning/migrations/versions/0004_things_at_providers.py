"""A resource is a thing at a provider, a job is an intent on it, and providers are rows."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003_waiting"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "provisioning"
_LIFE = "'create', 'suspend', 'resume', 'change', 'terminate', 'restore', 'remove'"
_STATES = "'pending', 'provisioning', 'active', 'failed', 'suspended', 'terminated'"


def upgrade() -> None:
    """Applies the change; every resource and job keeps what it has."""
    _new_tables()
    _resources()
    _jobs()


def downgrade() -> None:
    """Takes the change back. What only the newer form can hold is lost: keys, secrets, providers, removed services."""
    _old_jobs()
    _old_resources()
    for table in (
        "one_time_secrets",
        "customers",
        "switch_history",
        "switches",
        "provider_history",
        "providers",
    ):
        op.drop_table(table, schema=_SCHEMA)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(
        name, postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default=sa.text("'{}'::jsonb")
    )


def _new_tables() -> None:
    op.create_table(
        "providers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("product_types", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("endpoint", sa.String(length=500), nullable=False),
        sa.Column("secret_ref", sa.String(length=500), nullable=False),
        sa.Column("regions", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("next_number", sa.BigInteger(), nullable=False),
        _moment("look_until", nullable=True),
        sa.Column("reachable", sa.Boolean(), nullable=True),
        _moment("created_at"),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('open', 'full', 'paused')", name=op.f("ck_providers_status")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_providers_used")),
        sa.CheckConstraint("capacity IS NULL OR capacity >= 0", name=op.f("ck_providers_capacity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_providers")),
        sa.UniqueConstraint("name", name=op.f("uq_providers_name")),
        schema=_SCHEMA,
    )
    op.create_table(
        "provider_history",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("verb", sa.String(length=40), nullable=False),
        sa.Column("from_status", sa.String(length=20), nullable=False),
        sa.Column("to_status", sa.String(length=20), nullable=False),
        _moment("at"),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trace", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["provisioning.providers.id"],
            name=op.f("fk_provider_history_provider_id_providers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_history")),
        schema=_SCHEMA,
    )
    op.create_index("ix_provider_history_provider_id_id", "provider_history", ["provider_id", "id"], schema=_SCHEMA)
    _switches()
    op.create_table(
        "customers",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        _moment("described_at"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_customers")),
        schema=_SCHEMA,
    )
    op.create_index("ix_customers_email", "customers", [sa.literal_column("lower(email)")], schema=_SCHEMA)
    op.create_table(
        "one_time_secrets",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        _moment("created_at"),
        _moment("shown_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["provisioning.resources.id"],
            name=op.f("fk_one_time_secrets_resource_id_resources"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("resource_id", name=op.f("pk_one_time_secrets")),
        schema=_SCHEMA,
    )


def _switches() -> None:
    op.create_table(
        "switches",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("engaged", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("changed_at"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_switches")),
        schema=_SCHEMA,
    )
    op.create_table(
        "switch_history",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("engaged", sa.Boolean(), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _moment("at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_switch_history")),
        schema=_SCHEMA,
    )
    op.create_index("ix_switch_history_name_id", "switch_history", ["name", "id"], schema=_SCHEMA)


def _resources() -> None:
    op.drop_index("uq_resources_provider_machine_id", table_name="resources", schema=_SCHEMA)
    op.drop_index("ix_resources_provider_active", table_name="resources", schema=_SCHEMA)
    op.drop_index("ix_resources_ipv4", table_name="resources", schema=_SCHEMA)
    op.drop_constraint(op.f("ck_resources_status"), "resources", schema=_SCHEMA, type_="check")
    for column in (
        sa.Column("external_ref", sa.String(length=200), nullable=True),
        _json("attributes"),
        sa.Column("address", sa.String(length=253), nullable=True),
        _json("configuration"),
        sa.Column("entitlement", sa.String(length=10), nullable=False, server_default="valid"),
        sa.Column("entitlement_version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("change_version", sa.Integer(), nullable=False, server_default="1"),
        _moment("remove_at", nullable=True),
    ):
        op.add_column("resources", column, schema=_SCHEMA)
    op.execute(
        """
        UPDATE provisioning.resources SET
            external_ref = machine_id::text,
            attributes = CASE WHEN ipv4 IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('ipv4', ipv4) END,
            address = ipv4,
            configuration = jsonb_build_object('hostname', name, 'template', template),
            entitlement = CASE status WHEN 'suspended' THEN 'suspended' WHEN 'terminated' THEN 'ended' ELSE 'valid' END
        """
    )
    for name in ("machine_id", "ipv4", "template"):
        op.drop_column("resources", name, schema=_SCHEMA)
    for name in ("attributes", "configuration", "entitlement", "entitlement_version", "change_version"):
        op.alter_column("resources", name, server_default=None, schema=_SCHEMA)
    op.alter_column("resources", "provider", type_=sa.String(length=64), schema=_SCHEMA)
    op.alter_column("resources", "product_type", type_=sa.String(length=64), schema=_SCHEMA)
    op.create_check_constraint(
        op.f("ck_resources_status"), "resources", f"status IN ({_STATES}, 'removed')", schema=_SCHEMA
    )
    _index_resources()


def _index_resources() -> None:
    op.create_index(
        "uq_resources_provider_external_ref",
        "resources",
        ["provider", "external_ref"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("external_ref IS NOT NULL AND status <> 'removed'"),
    )
    op.create_index("ix_resources_external_ref", "resources", ["external_ref"], schema=_SCHEMA)
    op.create_index("ix_resources_address", "resources", ["address"], schema=_SCHEMA)
    for name, columns, where in (
        ("ix_resources_provider_living", ["provider", "id"], "status <> 'removed'"),
        ("ix_resources_unplaced", ["id"], "provider IS NULL AND status <> 'removed'"),
        ("ix_resources_remove_at", ["remove_at"], "status = 'terminated'"),
        ("ix_resources_not_valid", ["id"], "entitlement <> 'valid' AND status <> 'removed'"),
        ("ix_resources_missing", ["id"], "missing_since IS NOT NULL"),
    ):
        op.create_index(name, "resources", columns, schema=_SCHEMA, postgresql_where=sa.text(where))


def _jobs() -> None:
    op.drop_index("uq_jobs_pending_power", table_name="jobs", schema=_SCHEMA)
    op.drop_index("ix_jobs_finished_power", table_name="jobs", schema=_SCHEMA)
    op.drop_constraint(op.f("ck_jobs_kind"), "jobs", schema=_SCHEMA, type_="check")
    op.alter_column("jobs", "kind", new_column_name="intent", type_=sa.String(length=40), schema=_SCHEMA)
    op.add_column("jobs", sa.Column("reason", sa.Text(), nullable=True), schema=_SCHEMA)
    op.add_column("jobs", _json("details"), schema=_SCHEMA)
    op.create_index(
        "ix_jobs_finished_actions",
        "jobs",
        ["finished_at"],
        schema=_SCHEMA,
        postgresql_where=sa.text(f"intent NOT IN ({_LIFE}) AND state = 'done'"),
    )
    pending = sa.text("state = 'ready'")
    op.create_index(
        "ix_jobs_pending", "jobs", ["resource_id", "created_at", "id"], schema=_SCHEMA, postgresql_where=pending
    )
    op.create_index(
        "uq_jobs_pending_intent",
        "jobs",
        ["resource_id", "intent"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=pending,
    )
    op.create_index(
        "uq_jobs_pending_action",
        "jobs",
        ["resource_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text(f"intent NOT IN ({_LIFE}) AND state = 'ready'"),
    )


def _old_jobs() -> None:
    for name in ("uq_jobs_pending_action", "uq_jobs_pending_intent", "ix_jobs_pending", "ix_jobs_finished_actions"):
        op.drop_index(name, table_name="jobs", schema=_SCHEMA)
    op.execute("DELETE FROM provisioning.jobs WHERE intent NOT IN ('create', 'start', 'stop', 'reboot')")
    op.drop_column("jobs", "details", schema=_SCHEMA)
    op.drop_column("jobs", "reason", schema=_SCHEMA)
    op.alter_column("jobs", "intent", new_column_name="kind", type_=sa.String(length=20), schema=_SCHEMA)
    op.create_check_constraint(
        op.f("ck_jobs_kind"), "jobs", "kind IN ('create', 'start', 'stop', 'reboot')", schema=_SCHEMA
    )
    op.create_index(
        "ix_jobs_finished_power",
        "jobs",
        ["finished_at"],
        schema=_SCHEMA,
        postgresql_where=sa.text("kind <> 'create' AND state = 'done'"),
    )
    op.create_index(
        "uq_jobs_pending_power",
        "jobs",
        ["resource_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("kind <> 'create' AND state = 'ready'"),
    )


def _old_resources() -> None:
    for name in (
        "uq_resources_provider_external_ref",
        "ix_resources_external_ref",
        "ix_resources_address",
        "ix_resources_provider_living",
        "ix_resources_unplaced",
        "ix_resources_remove_at",
        "ix_resources_not_valid",
        "ix_resources_missing",
    ):
        op.drop_index(name, table_name="resources", schema=_SCHEMA)
    op.drop_constraint(op.f("ck_resources_status"), "resources", schema=_SCHEMA, type_="check")
    op.add_column("resources", sa.Column("machine_id", sa.BigInteger(), nullable=True), schema=_SCHEMA)
    op.add_column("resources", sa.Column("ipv4", sa.String(length=15), nullable=True), schema=_SCHEMA)
    op.add_column(
        "resources", sa.Column("template", sa.String(length=64), nullable=False, server_default=""), schema=_SCHEMA
    )
    op.execute(
        """
        UPDATE provisioning.resources SET
            machine_id = CASE WHEN external_ref ~ '^[0-9]{1,18}$' THEN external_ref::bigint END,
            ipv4 = left(attributes ->> 'ipv4', 15),
            template = left(coalesce(configuration ->> 'template', ''), 64),
            status = CASE status WHEN 'removed' THEN 'terminated' ELSE status END
        """
    )
    op.alter_column("resources", "template", server_default=None, schema=_SCHEMA)
    for column in (
        "external_ref", "attributes", "address", "configuration", "entitlement", "entitlement_version",
        "change_version", "remove_at",
    ):  # fmt: skip
        op.drop_column("resources", column, schema=_SCHEMA)
    op.alter_column("resources", "provider", type_=sa.String(length=20), schema=_SCHEMA)
    op.alter_column("resources", "product_type", type_=sa.String(length=20), schema=_SCHEMA)
    op.create_check_constraint(op.f("ck_resources_status"), "resources", f"status IN ({_STATES})", schema=_SCHEMA)
    op.create_index(
        "uq_resources_provider_machine_id",
        "resources",
        ["provider", "machine_id"],
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("machine_id IS NOT NULL AND status <> 'terminated'"),
    )
    op.create_index(
        "ix_resources_provider_active",
        "resources",
        ["provider"],
        schema=_SCHEMA,
        postgresql_where=sa.text("status = 'active'"),
    )
    op.create_index("ix_resources_ipv4", "resources", ["ipv4"], schema=_SCHEMA)
