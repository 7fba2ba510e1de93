"""The schema's metadata and the base of every mapped class in it."""

from sqlalchemy.orm import DeclarativeBase

from shared.database import schema_metadata

SCHEMA = "catalog"


class Base(DeclarativeBase):
    """Every table of this context lives in its own schema."""

    metadata = schema_metadata(SCHEMA)
