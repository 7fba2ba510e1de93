"""Alembic's entry for this schema; importing the models and tables fills the metadata."""

from services.billing import domain
from services.billing.adapters import tables
from shared.database.migrations import run_env

_PLUMBING = tables.plumbing  # imported for its tables
run_env(domain.SCHEMA, domain.Base.metadata)
