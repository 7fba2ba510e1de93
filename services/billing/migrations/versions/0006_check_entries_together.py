"""Check what a statement wrote into the ledger together, instead of each row by itself."""

from collections.abc import Sequence

from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# An entry and its postings are written by one statement, so that its end is the moment at which they must balance.
_TOGETHER = (
    *(f"DROP TRIGGER balances ON billing.{table}" for table in ("entries", "postings")),
    "DROP FUNCTION billing.check_entry()",
    """
    CREATE FUNCTION billing.check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE wrong uuid;
    BEGIN
        SELECT id INTO wrong FROM written
         WHERE NOT EXISTS (SELECT FROM billing.postings WHERE entry_id = written.id) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % has no postings', wrong USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION billing.check_postings() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE wrong uuid;
    BEGIN
        SELECT entry_id INTO wrong FROM billing.postings WHERE entry_id IN (SELECT entry_id FROM written)
         GROUP BY entry_id, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % does not balance', wrong USING ERRCODE = 'check_violation';
        END IF;
        SELECT id INTO wrong FROM billing.entries
         WHERE id IN (SELECT entry_id FROM written) AND xmin <> pg_current_xact_id()::xid LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % was closed before', wrong USING ERRCODE = 'check_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
    *(
        f"CREATE TRIGGER balances AFTER INSERT ON billing.{table} REFERENCING NEW TABLE AS written "
        f"FOR EACH STATEMENT EXECUTE FUNCTION billing.check_{table}()"
        for table in ("entries", "postings")
    ),
)
_EACH = (
    *(f"DROP TRIGGER balances ON billing.{table}" for table in ("entries", "postings")),
    *(f"DROP FUNCTION billing.check_{table}()" for table in ("entries", "postings")),
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
        f"CREATE CONSTRAINT TRIGGER balances AFTER INSERT ON billing.{table} DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION billing.check_entry()"
        for table in ("entries", "postings")
    ),
)


def upgrade() -> None:
    """Applies the change."""
    for statement in _TOGETHER:
        op.execute(statement)


def downgrade() -> None:
    """Takes it back."""
    for statement in _EACH:
        op.execute(statement)
