"""Let rows wait for code that understands them; business time and its timers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0003_waiting"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "catalog"
_DURABLE = ("inbox", "outbox")
_GAVE_UP = sa.text("state IN ('dead', 'parked')")
_NOT_UNDERSTOOD = sa.text("state = 'ready' AND failure_class = 'not_understood'")


def upgrade() -> None:
    """Applies the change."""
    for table in _DURABLE:
        # A longer limit is a change of the catalogue only: no row is rewritten.
        op.alter_column(
            table,
            "failure_class",
            existing_type=sa.String(12),
            type_=sa.String(20),
            existing_nullable=True,
            schema=_SCHEMA,
        )
    for table in ("inbox", "outbox"):
        op.create_index(
            f"ix_{table}_not_understood", table, ["created_at"], schema=_SCHEMA, postgresql_where=_NOT_UNDERSTOOD
        )
    # What was dead on arrival had no end, and what has no end is never forgotten.
    ended = f"UPDATE {_SCHEMA}.inbox SET finished_at = created_at"  # noqa: S608 - constants
    op.execute(f"{ended} WHERE state = 'dead' AND finished_at IS NULL")
    op.create_table(
        "business_clocks",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("offset_seconds", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_business_clocks")),
        schema=_SCHEMA,
    )
    op.create_table(
        "timers",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("state", sa.String(10), server_default="ready", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("lease_token", sa.UUID(), nullable=True),
        sa.Column("failure_class", sa.String(20), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("trace", sa.String(64), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timers")),
        schema=_SCHEMA,
    )
    waiting, done = sa.text("state = 'ready'"), sa.text("state = 'done'")
    op.create_index("ix_timers_ready", "timers", ["next_attempt_at"], schema=_SCHEMA, postgresql_where=waiting)
    op.create_index("ix_timers_account_id_ready", "timers", ["account_id"], schema=_SCHEMA, postgresql_where=waiting)
    op.create_index("ix_timers_finished_at", "timers", ["finished_at"], schema=_SCHEMA, postgresql_where=done)
    op.create_index("ix_timers_given_up", "timers", ["finished_at"], schema=_SCHEMA, postgresql_where=_GAVE_UP)


def downgrade() -> None:
    """Takes the change back; what waits to be understood becomes an ordinary failure."""
    op.drop_table("timers", schema=_SCHEMA)
    op.drop_table("business_clocks", schema=_SCHEMA)
    for table in ("inbox", "outbox"):
        op.drop_index(f"ix_{table}_not_understood", table_name=table, schema=_SCHEMA)
    for table in _DURABLE:
        shorter = f"UPDATE {_SCHEMA}.{table} SET failure_class = 'transient'"  # noqa: S608 - constants
        op.execute(f"{shorter} WHERE failure_class = 'not_understood'")
        op.alter_column(
            table,
            "failure_class",
            existing_type=sa.String(20),
            type_=sa.String(12),
            existing_nullable=True,
            schema=_SCHEMA,
        )
