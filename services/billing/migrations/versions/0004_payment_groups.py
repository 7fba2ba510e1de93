"""Group what renews together: every checkout's lines become one group, and money is found by its subscription."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from shared.kernel import decode_id

revision: str = "0004"
down_revision: str | None = "0003_waiting"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BATCH = 2000


def upgrade() -> None:
    """Applies the change."""
    _add_columns()
    _add_tables()
    _group_what_is_there(op.get_bind())


def _add_columns() -> None:
    op.add_column(
        "checkouts",
        sa.Column("mode", sa.String(length=12), server_default="subscription", nullable=False),
        schema="billing",
    )
    op.add_column("invoices", sa.Column("group_id", sa.Uuid(), nullable=True), schema="billing")
    op.create_index(
        "ix_invoices_paid_at",
        "invoices",
        ["paid_at"],
        schema="billing",
        postgresql_where=sa.text("status = 'paid'"),
    )
    op.add_column(
        "payers", sa.Column("customer_generation", sa.Integer(), server_default="0", nullable=False), schema="billing"
    )
    op.add_column("subscriptions", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True), schema="billing")
    op.alter_column(
        "prices", "interval", type_=sa.String(length=20), existing_type=sa.String(length=10), schema="billing"
    )


def _add_tables() -> None:
    op.create_table(
        "former_customers",
        sa.Column("stripe_customer_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stripe_customer_id", name=op.f("pk_former_customers")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_former_customers_account_id"), "former_customers", ["account_id"], unique=False, schema="billing"
    )
    _add_groups()
    op.create_table(
        "payment_group_items",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("price_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("live_units", sa.Integer(), nullable=False),
        sa.Column("unit_amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("live_units BETWEEN 0 AND quantity", name=op.f("ck_payment_group_items_live_units")),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["billing.payment_groups.id"],
            name=op.f("fk_payment_group_items_group_id_payment_groups"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_group_items")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_payment_group_items_group_id"), "payment_group_items", ["group_id"], unique=False, schema="billing"
    )
    op.create_index(
        "ix_payment_group_items_item_id",
        "payment_group_items",
        ["item_id"],
        unique=True,
        schema="billing",
        postgresql_where=sa.text("item_id IS NOT NULL"),
    )
    op.create_table(
        "payment_group_units",
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
        sa.Column("group_item_id", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_item_id"],
            ["billing.payment_group_items.id"],
            name=op.f("fk_payment_group_units_group_item_id_payment_group_items"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("entitlement_id", name=op.f("pk_payment_group_units")),
        schema="billing",
    )
    op.create_index(
        op.f("ix_payment_group_units_group_item_id"),
        "payment_group_units",
        ["group_item_id"],
        unique=False,
        schema="billing",
    )


def _add_groups() -> None:
    op.create_table(
        "payment_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("checkout_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("interval", sa.String(length=20), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("stripe_subscription_id", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("announced", sa.String(length=10), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rescheduled_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("starts IN ('payment', 'delivery', 'never')", name=op.f("ck_payment_groups_starts")),
        sa.ForeignKeyConstraint(
            ["checkout_id"],
            ["billing.checkouts.id"],
            name=op.f("fk_payment_groups_checkout_id_checkouts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_groups")),
        sa.UniqueConstraint("stripe_subscription_id", name=op.f("uq_payment_groups_stripe_subscription_id")),
        schema="billing",
    )
    op.create_index("ix_payment_groups_account_id", "payment_groups", ["account_id", "id"], schema="billing")
    op.create_index(op.f("ix_payment_groups_checkout_id"), "payment_groups", ["checkout_id"], schema="billing")
    op.create_index(op.f("ix_payment_groups_order_id"), "payment_groups", ["order_id"], schema="billing")
    op.create_index(
        "ix_payment_groups_unannounced",
        "payment_groups",
        ["id"],
        schema="billing",
        postgresql_where=sa.text("announced IS NULL AND paid_at IS NOT NULL AND stripe_subscription_id IS NOT NULL"),
    )


# All lines of a checkout were of one interval, so a group can have its checkout's number; a subscription has one.
_GROUPS = """
INSERT INTO billing.payment_groups (id, checkout_id, order_id, account_id, interval, currency, starts,
    stripe_subscription_id, status, period_end, paid_at, revision, created_at)
SELECT c.id, c.id, c.order_id, c.account_id, COALESCE(c.lines -> 0 ->> 'interval', 'one_time'), c.currency, 'payment',
    c.subscription, COALESCE(s.status, 'waiting'), s.period_end,
    CASE WHEN c.status IN ('paid', 'mismatched') THEN COALESCE(c.paid_at, c.created_at) END, 0, c.created_at
FROM (SELECT *, CASE WHEN row_number() OVER (PARTITION BY stripe_subscription_id ORDER BY id) = 1
                     THEN stripe_subscription_id END AS subscription FROM billing.checkouts) AS c
LEFT JOIN billing.subscriptions AS s ON s.stripe_subscription_id = c.subscription
"""


def _group_what_is_there(connection: sa.Connection) -> None:
    connection.execute(sa.text(_GROUPS))
    after = UUID(int=0)
    while True:
        rows = connection.execute(
            sa.text("SELECT id, lines FROM billing.checkouts WHERE id > :after ORDER BY id LIMIT :most"),
            {"after": after, "most": _BATCH},
        ).all()
        if not rows:
            return
        items = [_item(row.id, line) for row in rows for line in _lines(row.lines)]
        if items:
            connection.execute(
                sa.text(
                    "INSERT INTO billing.payment_group_items"
                    " (group_id, price_id, quantity, live_units, unit_amount_minor)"
                    " VALUES (:group_id, :price_id, :quantity, :quantity, :unit_amount_minor)"
                ),
                items,
            )
        after = rows[-1].id


def _lines(stored: Any) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(stored) if isinstance(stored, str) else stored
    return lines


def _item(group_id: UUID, line: dict[str, Any]) -> dict[str, Any]:
    return {
        "group_id": group_id,
        "price_id": decode_id("prc", line["price_id"]),
        "quantity": line["quantity"],
        "unit_amount_minor": line["unit_amount_minor"],
    }


def downgrade() -> None:
    """Takes the change back."""
    op.drop_table("payment_group_units", schema="billing")
    op.drop_table("payment_group_items", schema="billing")
    op.drop_table("payment_groups", schema="billing")
    op.drop_table("former_customers", schema="billing")
    op.alter_column(
        "prices", "interval", type_=sa.String(length=10), existing_type=sa.String(length=20), schema="billing"
    )
    op.drop_column("subscriptions", "ends_at", schema="billing")
    op.drop_column("payers", "customer_generation", schema="billing")
    op.drop_index("ix_invoices_paid_at", table_name="invoices", schema="billing")
    op.drop_column("invoices", "group_id", schema="billing")
    op.drop_column("checkouts", "mode", schema="billing")
