"""Let rows wait for code that understands them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004_waiting"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_SCHEMA = "identity"
_DURABLE = ("inbox", "outbox")
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


def downgrade() -> None:
    """Takes the change back; what waits to be understood becomes an ordinary failure."""
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
