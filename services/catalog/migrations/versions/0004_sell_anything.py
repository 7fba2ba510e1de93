"""Sell anything: a configuration instead of columns for servers, groups instead of one product per type, rights that
rest, change and come back, order numbers that are drawn, and whose an account is.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003_waiting"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_INSTANT = sa.DateTime(timezone=True)
# web.example.com, the second of three, is web-2.example.com
_NUMBERED = """
    CASE WHEN item.quantity = 1 THEN item.hostname
    ELSE regexp_replace(item.hostname, '^[^.]*', '\\&-' || ordinal) END
"""


def upgrade() -> None:
    """Applies the change."""
    _groups()
    _plans()
    _items()
    _entitlements()
    _orders()
    _customers()


def _groups() -> None:
    op.rename_table("products", "plan_groups", schema="catalog")
    op.execute("ALTER TABLE catalog.plan_groups RENAME CONSTRAINT pk_products TO pk_plan_groups")
    op.drop_constraint("ck_products_product_type", "plan_groups", schema="catalog")
    op.drop_constraint("uq_products_product_type", "plan_groups", schema="catalog")
    op.add_column("plan_groups", sa.Column("code", sa.String(63), nullable=True), schema="catalog")
    op.add_column("plan_groups", sa.Column("position", sa.Integer(), nullable=True), schema="catalog")
    op.execute(
        """
        UPDATE catalog.plan_groups SET code = product_type,
          position = array_position(ARRAY['vps', 'hosting', 'domain', 'certificate'], product_type::text) - 1
        """
    )
    op.alter_column("plan_groups", "code", nullable=False, schema="catalog")
    op.alter_column("plan_groups", "position", nullable=False, schema="catalog")
    op.create_unique_constraint("uq_plan_groups_code", "plan_groups", ["code"], schema="catalog")


def _plans() -> None:
    op.alter_column("plans", "product_id", new_column_name="group_id", schema="catalog")
    op.execute(
        "ALTER TABLE catalog.plans RENAME CONSTRAINT fk_plans_product_id_products TO fk_plans_group_id_plan_groups"
    )
    op.execute("ALTER INDEX catalog.ix_plans_product_id RENAME TO ix_plans_group_id")
    op.add_column("plans", sa.Column("product_type", sa.String(40), nullable=True), schema="catalog")
    op.add_column("plans", sa.Column("options", _JSON, nullable=True), schema="catalog")
    op.add_column("plans", sa.Column("recommended", sa.Boolean(), nullable=True), schema="catalog")
    op.execute(
        """
        UPDATE catalog.plans AS plan SET
          product_type = (SELECT product_type FROM catalog.plan_groups AS held WHERE held.id = plan.group_id),
          recommended = plan.code IN ('vps-m', 'hosting-plus'),
          options = CASE WHEN jsonb_array_length(plan.templates) = 0 THEN '{}'::jsonb
            ELSE jsonb_build_object('template', (
            SELECT jsonb_agg(jsonb_build_object('value', offered->>'id', 'label', offered->>'name') ORDER BY place)
            FROM jsonb_array_elements(plan.templates) WITH ORDINALITY AS listed (offered, place))) END
        """
    )
    for column in ("product_type", "options", "recommended"):
        op.alter_column("plans", column, nullable=False, schema="catalog")
    op.drop_column("plans", "templates", schema="catalog")
    op.drop_column("plan_groups", "product_type", schema="catalog")
    op.drop_constraint("ck_prices_interval", "prices", schema="catalog")
    op.alter_column("prices", "interval", type_=sa.String(20), schema="catalog")


def _items() -> None:
    op.drop_constraint("ck_order_items_quantity", "order_items", schema="catalog")
    op.create_check_constraint("ck_order_items_quantity", "order_items", "quantity > 0", schema="catalog")
    op.alter_column("order_items", "interval", type_=sa.String(20), schema="catalog")
    op.alter_column("order_items", "product_type", type_=sa.String(40), schema="catalog")
    for name, kind in _ITEM_COLUMNS:
        op.add_column("order_items", sa.Column(name, kind, nullable=True), schema="catalog")
    op.execute(
        f"""
        UPDATE catalog.order_items AS item SET
          name = item.hostname,
          invoice_name = item.plan_name || ' · ' || item.hostname,
          configuration = jsonb_strip_nulls(jsonb_build_object('hostname', item.hostname, 'template', item.template)),
          configured = jsonb_build_array(jsonb_build_object(
              'key', 'hostname', 'label', 'Host name', 'value', item.hostname, 'copyable', false))
            || CASE WHEN item.template IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object(
              'key', 'template', 'label', 'Operating system', 'value', item.template, 'copyable', false)) END,
          units = (
            SELECT jsonb_agg(jsonb_build_object('name', named, 'configuration', jsonb_build_object('hostname', named))
              ORDER BY ordinal)
            FROM generate_series(1, item.quantity) AS ordinal, LATERAL (SELECT {_NUMBERED} AS named) AS numbered)
        """  # noqa: S608 - a constant of this file
    )
    for name in ("name", "invoice_name", "configuration", "configured", "units"):
        op.alter_column("order_items", name, nullable=False, schema="catalog")
    op.drop_index("ix_order_items_hostname", table_name="order_items", schema="catalog")
    _index_beginnings("order_items", "name")


_ITEM_COLUMNS: tuple[tuple[str, sa.types.TypeEngine[object]], ...] = (
    ("name", sa.String(253)),
    ("invoice_name", sa.String(400)),
    ("configuration", _JSON),
    ("configured", _JSON),
    ("units", _JSON),
    ("delivered_at", _INSTANT),
    ("paid_until", _INSTANT),
    ("ended_at", _INSTANT),
    ("past_due_at", _INSTANT),
    ("settled_at", _INSTANT),
)


def _entitlements() -> None:
    op.drop_index("ix_entitlements_hostname", table_name="entitlements", schema="catalog")
    op.alter_column("entitlements", "hostname", new_column_name="name", schema="catalog")
    for name, kind in _ENTITLEMENT_COLUMNS:
        op.add_column("entitlements", sa.Column(name, kind, nullable=True), schema="catalog")
    op.execute(
        """
        UPDATE catalog.entitlements AS granted SET
          product_type = item.product_type, plan_code = item.plan_code, plan_name = item.plan_name, spec = item.spec,
          configuration = item.configuration || jsonb_build_object('hostname', granted.name),
          activated_at = (
            SELECT min(history.at) FROM catalog.entitlement_history AS history
            WHERE history.entitlement_id = granted.id AND history.verb = 'activate')
        FROM catalog.order_items AS item WHERE item.id = granted.item_id
        """
    )
    # What runs already was delivered already: nothing of it is told again.
    op.execute(
        """
        UPDATE catalog.order_items AS item SET delivered_at = delivered.at
        FROM (
          SELECT item_id, max(activated_at) AS at FROM catalog.entitlements
          GROUP BY item_id HAVING bool_and(activated_at IS NOT NULL)) AS delivered
        WHERE delivered.item_id = item.id
        """
    )
    for name in ("product_type", "configuration", "plan_code", "plan_name", "spec"):
        op.alter_column("entitlements", name, nullable=False, schema="catalog")
    op.drop_constraint("ck_entitlements_status", "entitlements", schema="catalog")
    op.create_check_constraint(
        "ck_entitlements_status",
        "entitlements",
        "status IN ('granted', 'delayed', 'active', 'suspended', 'ended')",
        schema="catalog",
    )
    op.create_index("ix_entitlements_account_id_name", "entitlements", ["account_id", "name"], schema="catalog")
    _index_beginnings("entitlements", "name")
    op.drop_column("order_items", "hostname", schema="catalog")
    op.drop_column("order_items", "template", schema="catalog")


_ENTITLEMENT_COLUMNS: tuple[tuple[str, sa.types.TypeEngine[object]], ...] = (
    ("product_type", sa.String(40)),
    ("configuration", _JSON),
    ("plan_code", sa.String(63)),
    ("plan_name", sa.String(80)),
    ("spec", _JSON),
    ("activated_at", _INSTANT),
    ("paid_until", _INSTANT),
)


def _orders() -> None:
    op.add_column("orders", sa.Column("number", sa.String(24), nullable=True), schema="catalog")
    op.execute("UPDATE catalog.orders SET number = 'EZ-' || serial")
    op.alter_column("orders", "number", nullable=False, schema="catalog")
    op.create_unique_constraint("uq_orders_number", "orders", ["number"], schema="catalog")
    op.drop_column("orders", "serial", schema="catalog")
    op.create_index(
        "ix_orders_attention", "orders", ["id"], schema="catalog", postgresql_where=sa.text("attention <> '[]'::jsonb")
    )
    op.create_index(
        "ix_orders_paid_at", "orders", ["paid_at"], schema="catalog", postgresql_include=["currency", "total_minor"]
    )


def _customers() -> None:
    op.create_table(
        "customers",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("described_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_customers"),
        schema="catalog",
    )
    _index_beginnings("customers", "email")
    _index_beginnings("customers", "name")


def _index_beginnings(table: str, column: str) -> None:
    op.execute(f"CREATE INDEX ix_{table}_{column} ON catalog.{table} (lower({column}) text_pattern_ops)")


def downgrade() -> None:
    """Not possible: orders of other types, intervals and numbers do not fit what was there before."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
