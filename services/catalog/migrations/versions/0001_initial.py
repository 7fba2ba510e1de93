"""The catalogue, its orders, their payments and entitlements, and the plumbing."""

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
        schema="catalog",
    )
    op.create_index(
        op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False, schema="catalog"
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
        schema="catalog",
    )
    op.create_index(
        "ix_inbox_ready",
        "inbox",
        ["next_attempt_at"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=False, start=100001), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("placed_by", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fulfilled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checkout_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checkout_id", sa.String(length=64), nullable=True),
        sa.Column("checkout_url", sa.Text(), nullable=True),
        sa.Column("checkout_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem_code", sa.String(length=80), nullable=True),
        sa.Column("problem_message", sa.Text(), nullable=True),
        sa.Column("problem_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_reason", sa.String(length=20), nullable=True),
        sa.Column("attention", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('awaiting_payment', 'canceled', 'expired', 'under_review', 'paid', 'fulfilled')",
            name=op.f("ck_orders_status"),
        ),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_orders_total")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("serial", name=op.f("uq_orders_serial")),
        schema="catalog",
    )
    op.create_index("ix_orders_account_id_id", "orders", ["account_id", "id"], unique=False, schema="catalog")
    op.create_index("ix_orders_status_id", "orders", ["status", "id"], unique=False, schema="catalog")
    op.create_index(
        "ix_orders_unpaid",
        "orders",
        ["expires_at"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("status = 'awaiting_payment'"),
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
        schema="catalog",
    )
    op.create_index(
        "ix_outbox_ready",
        "outbox",
        ["next_attempt_at"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_type", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.CheckConstraint(
            "product_type IN ('vps', 'hosting', 'domain', 'certificate')", name=op.f("ck_products_product_type")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("product_type", name=op.f("uq_products_product_type")),
        schema="catalog",
    )
    op.create_table(
        "order_history",
        sa.Column("order_id", sa.Uuid(), nullable=False),
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
            ["order_id"], ["catalog.orders.id"], name=op.f("fk_order_history_order_id_orders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_history")),
        schema="catalog",
    )
    op.create_index(op.f("ix_order_history_order_id"), "order_history", ["order_id"], unique=False, schema="catalog")
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("checkout_id", sa.String(length=64), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("stripe_subscription_id", sa.String(length=255), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["catalog.orders.id"], name=op.f("fk_payments_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint("order_id", "checkout_id", "amount_minor", "currency", name="uq_payments_particulars"),
        schema="catalog",
    )
    op.create_table(
        "plans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("tagline", sa.String(length=160), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("features", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("templates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("availability", sa.String(length=12), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("availability IN ('open', 'announced')", name=op.f("ck_plans_availability")),
        sa.CheckConstraint("status IN ('draft', 'published', 'retired')", name=op.f("ck_plans_status")),
        sa.ForeignKeyConstraint(["product_id"], ["catalog.products.id"], name=op.f("fk_plans_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sa.UniqueConstraint("code", name=op.f("uq_plans_code")),
        schema="catalog",
    )
    op.create_index(op.f("ix_plans_product_id"), "plans", ["product_id"], unique=False, schema="catalog")
    op.create_index("ix_plans_status_position", "plans", ["status", "position"], unique=False, schema="catalog")
    op.create_table(
        "plan_history",
        sa.Column("plan_id", sa.Uuid(), nullable=False),
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
            ["plan_id"], ["catalog.plans.id"], name=op.f("fk_plan_history_plan_id_plans"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_history")),
        schema="catalog",
    )
    op.create_index(op.f("ix_plan_history_plan_id"), "plan_history", ["plan_id"], unique=False, schema="catalog")
    op.create_table(
        "prices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("interval", sa.String(length=10), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("setup_fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stripe_product_id", sa.String(length=255), nullable=True),
        sa.Column("stripe_price_id", sa.String(length=255), nullable=True),
        sa.Column("synced_version", sa.Integer(), nullable=True),
        sa.CheckConstraint("interval IN ('month', 'year')", name=op.f("ck_prices_interval")),
        sa.CheckConstraint("amount_minor > 0 AND setup_fee_minor >= 0", name=op.f("ck_prices_amounts")),
        sa.ForeignKeyConstraint(["plan_id"], ["catalog.plans.id"], name=op.f("fk_prices_plan_id_plans")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        schema="catalog",
    )
    op.create_index("ix_prices_plan_id", "prices", ["plan_id"], unique=False, schema="catalog")
    op.create_index(
        "uq_prices_current",
        "prices",
        ["plan_id", "currency", "interval"],
        unique=True,
        schema="catalog",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_table(
        "order_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("price_id", sa.Uuid(), nullable=False),
        sa.Column("plan_code", sa.String(length=63), nullable=False),
        sa.Column("plan_name", sa.String(length=80), nullable=False),
        sa.Column("product_type", sa.String(length=20), nullable=False),
        sa.Column("spec", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("interval", sa.String(length=10), nullable=False),
        sa.Column("quantity", sa.SmallInteger(), nullable=False),
        sa.Column("unit_minor", sa.BigInteger(), nullable=False),
        sa.Column("setup_fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("hostname", sa.String(length=253), nullable=False),
        sa.Column("template", sa.String(length=60), nullable=True),
        sa.CheckConstraint("quantity BETWEEN 1 AND 10", name=op.f("ck_order_items_quantity")),
        sa.CheckConstraint("unit_minor > 0 AND setup_fee_minor >= 0", name=op.f("ck_order_items_amounts")),
        sa.ForeignKeyConstraint(["order_id"], ["catalog.orders.id"], name=op.f("fk_order_items_order_id_orders")),
        sa.ForeignKeyConstraint(["price_id"], ["catalog.prices.id"], name=op.f("fk_order_items_price_id_prices")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_items")),
        schema="catalog",
    )
    op.create_index(
        "ix_order_items_hostname",
        "order_items",
        ["hostname"],
        unique=False,
        schema="catalog",
        postgresql_ops={"hostname": "text_pattern_ops"},
    )
    op.create_index("ix_order_items_order_id", "order_items", ["order_id"], unique=False, schema="catalog")
    op.create_table(
        "entitlements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("hostname", sa.String(length=253), nullable=False),
        sa.Column("service_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('granted', 'delayed', 'active', 'ended')", name=op.f("ck_entitlements_status")),
        sa.CheckConstraint("ordinal > 0", name=op.f("ck_entitlements_ordinal")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["catalog.order_items.id"], name=op.f("fk_entitlements_item_id_order_items")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["catalog.orders.id"], name=op.f("fk_entitlements_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlements")),
        sa.UniqueConstraint("item_id", "ordinal", name=op.f("uq_entitlements_item_id_ordinal")),
        schema="catalog",
    )
    op.create_index(
        "ix_entitlements_hostname",
        "entitlements",
        ["hostname"],
        unique=False,
        schema="catalog",
        postgresql_ops={"hostname": "text_pattern_ops"},
    )
    op.create_index("ix_entitlements_order_id", "entitlements", ["order_id"], unique=False, schema="catalog")
    op.create_table(
        "entitlement_history",
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
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
            ["entitlement_id"],
            ["catalog.entitlements.id"],
            name=op.f("fk_entitlement_history_entitlement_id_entitlements"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement_history")),
        schema="catalog",
    )
    op.create_index(
        op.f("ix_entitlement_history_entitlement_id"),
        "entitlement_history",
        ["entitlement_id"],
        unique=False,
        schema="catalog",
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_index(op.f("ix_entitlement_history_entitlement_id"), table_name="entitlement_history", schema="catalog")
    op.drop_table("entitlement_history", schema="catalog")
    op.drop_index("ix_entitlements_order_id", table_name="entitlements", schema="catalog")
    op.drop_index(
        "ix_entitlements_hostname",
        table_name="entitlements",
        schema="catalog",
        postgresql_ops={"hostname": "text_pattern_ops"},
    )
    op.drop_table("entitlements", schema="catalog")
    op.drop_index("ix_order_items_order_id", table_name="order_items", schema="catalog")
    op.drop_index(
        "ix_order_items_hostname",
        table_name="order_items",
        schema="catalog",
        postgresql_ops={"hostname": "text_pattern_ops"},
    )
    op.drop_table("order_items", schema="catalog")
    op.drop_index(
        "uq_prices_current", table_name="prices", schema="catalog", postgresql_where=sa.text("superseded_at IS NULL")
    )
    op.drop_index("ix_prices_plan_id", table_name="prices", schema="catalog")
    op.drop_table("prices", schema="catalog")
    op.drop_index(op.f("ix_plan_history_plan_id"), table_name="plan_history", schema="catalog")
    op.drop_table("plan_history", schema="catalog")
    op.drop_index("ix_plans_status_position", table_name="plans", schema="catalog")
    op.drop_index(op.f("ix_plans_product_id"), table_name="plans", schema="catalog")
    op.drop_table("plans", schema="catalog")
    op.drop_table("payments", schema="catalog")
    op.drop_index(op.f("ix_order_history_order_id"), table_name="order_history", schema="catalog")
    op.drop_table("order_history", schema="catalog")
    op.drop_table("products", schema="catalog")
    op.drop_index("ix_outbox_ready", table_name="outbox", schema="catalog", postgresql_where=sa.text("state = 'ready'"))
    op.drop_table("outbox", schema="catalog")
    op.drop_index(
        "ix_orders_unpaid",
        table_name="orders",
        schema="catalog",
        postgresql_where=sa.text("status = 'awaiting_payment'"),
    )
    op.drop_index("ix_orders_status_id", table_name="orders", schema="catalog")
    op.drop_index("ix_orders_account_id_id", table_name="orders", schema="catalog")
    op.drop_table("orders", schema="catalog")
    op.drop_index("ix_inbox_ready", table_name="inbox", schema="catalog", postgresql_where=sa.text("state = 'ready'"))
    op.drop_table("inbox", schema="catalog")
    op.drop_index(op.f("ix_idempotency_keys_created_at"), table_name="idempotency_keys", schema="catalog")
    op.drop_table("idempotency_keys", schema="catalog")
