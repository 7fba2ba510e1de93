"""SSH keys of accounts, when a session was last proved, whom others were told of, where a mail's link leads on to."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "ssh_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=60), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("added_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["identity.accounts.id"], name=op.f("fk_ssh_keys_account_id_accounts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ssh_keys")),
        sa.UniqueConstraint("account_id", "fingerprint", name=op.f("uq_ssh_keys_account_id_fingerprint")),
        schema="identity",
    )
    op.create_index("ix_ssh_keys_account_id_id", "ssh_keys", ["account_id", "id"], schema="identity")
    op.add_column("sessions", sa.Column("authenticated_at", sa.DateTime(timezone=True)), schema="identity")
    op.execute("UPDATE identity.sessions SET authenticated_at = created_at")
    op.alter_column("sessions", "authenticated_at", nullable=False, schema="identity")
    op.add_column("accounts", sa.Column("described_at", sa.DateTime(timezone=True)), schema="identity")
    op.add_column("accounts", sa.Column("suspended_at", sa.DateTime(timezone=True)), schema="identity")
    op.add_column("accounts", sa.Column("suspended_by", sa.String(length=64)), schema="identity")
    op.add_column("accounts", sa.Column("suspended_reason", sa.Text()), schema="identity")
    op.create_index(
        "ix_accounts_undescribed",
        "accounts",
        ["id"],
        schema="identity",
        postgresql_where=sa.text("described_at IS NULL"),
    )
    op.add_column("verifications", sa.Column("next_path", sa.Text()), schema="identity")


def downgrade() -> None:
    """Takes the change back."""
    op.drop_column("verifications", "next_path", schema="identity")
    op.drop_index("ix_accounts_undescribed", table_name="accounts", schema="identity")
    for name in ("suspended_reason", "suspended_by", "suspended_at", "described_at"):
        op.drop_column("accounts", name, schema="identity")
    op.drop_column("sessions", "authenticated_at", schema="identity")
    op.drop_table("ssh_keys", schema="identity")
