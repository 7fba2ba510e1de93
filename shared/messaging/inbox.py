"""Where the facts of others are noted: a row for each that arrived, however often, keyed by the event id."""

from sqlalchemy import Column, LargeBinary, MetaData, String, Table
from sqlalchemy.dialects.postgresql import UUID as PG_UUID

from shared.database import DurableQueue, durable_columns, durable_index


def inbox_table(metadata: MetaData) -> Table:
    """The inbox of one schema."""
    return Table(
        "inbox",
        metadata,
        Column("id", PG_UUID(as_uuid=True), primary_key=True),
        Column("type", String(80), nullable=False),
        Column("body", LargeBinary, nullable=False),
        *durable_columns(),
        durable_index("inbox"),
    )


def inbox_queue(table: Table) -> DurableQueue:
    """Twelve attempts over about half an hour before a fact is dead."""
    return DurableQueue("inbox", table, max_attempts=12, first_wait=1, longest_wait=600)
