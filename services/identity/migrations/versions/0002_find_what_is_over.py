"""Find what is over by when, and what gave up, without reading all there ever was."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Applies the change."""
    op.create_index(
        "ix_outbox_subject",
        "outbox",
        ["subject", "created_at", "id"],
        unique=False,
        schema="identity",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_index(
        "ix_inbox_finished_at",
        "inbox",
        ["finished_at"],
        unique=False,
        schema="identity",
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_index(
        "ix_inbox_given_up",
        "inbox",
        ["finished_at"],
        unique=False,
        schema="identity",
        postgresql_where=sa.text("state IN ('dead', 'parked')"),
    )
    op.create_index(
        "ix_outbox_finished_at",
        "outbox",
        ["finished_at"],
        unique=False,
        schema="identity",
        postgresql_where=sa.text("state = 'done'"),
    )
    op.create_index(
        "ix_outbox_given_up",
        "outbox",
        ["finished_at"],
        unique=False,
        schema="identity",
        postgresql_where=sa.text("state IN ('dead', 'parked')"),
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_index(
        "ix_outbox_subject",
        table_name="outbox",
        schema="identity",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.drop_index(
        "ix_outbox_given_up",
        table_name="outbox",
        schema="identity",
        postgresql_where=sa.text("state IN ('dead', 'parked')"),
    )
    op.drop_index(
        "ix_outbox_finished_at", table_name="outbox", schema="identity", postgresql_where=sa.text("state = 'done'")
    )
    op.drop_index(
        "ix_inbox_given_up",
        table_name="inbox",
        schema="identity",
        postgresql_where=sa.text("state IN ('dead', 'parked')"),
    )
    op.drop_index(
        "ix_inbox_finished_at", table_name="inbox", schema="identity", postgresql_where=sa.text("state = 'done'")
    )
