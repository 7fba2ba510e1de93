"""Fixtures every kind of test may use: a real PostgreSQL, migrated schemas, tokens."""

from tests.support.database import fresh_database, migrated_template, postgres_server

__all__ = ["fresh_database", "migrated_template", "postgres_server"]
