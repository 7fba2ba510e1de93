"""How ids and moments are stored, and how constraints are named in every schema."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Dialect, MetaData, Uuid
from sqlalchemy.types import TypeDecorator

from shared.kernel import aware, decode_id, encode_id

# Named constraints let a migration drop what another made, and let an error be told by its name.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def schema_metadata(schema: str) -> MetaData:
    """The metadata of one service: its own schema, the house's names."""
    return MetaData(schema=schema, naming_convention=_NAMES)


class PrefixedId(TypeDecorator[str]):
    """A TypeID string in Python (`ord_…`), a 16-byte `uuid` in PostgreSQL."""

    impl = Uuid
    cache_ok = True

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix

    def process_bind_param(self, value: str | None, dialect: Dialect) -> UUID | None:
        """The UUID inside the id. Raises ValueError for an id of another kind."""
        return None if value is None else decode_id(self.prefix, value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        """The id with its prefix."""
        return None if value is None else encode_id(self.prefix, value)


class Instant(TypeDecorator[datetime]):
    """An aware moment, kept and returned in UTC; a naive one is refused when it is bound."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC. Raises ValueError when it is naive."""
        return None if value is None else aware(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC."""
        return None if value is None else aware(value)
