"""Alembic's entry for this schema; importing the models and tables fills the metadata."""

from services.provisioning import domain
from services.provisioning.adapters import tables
from shared.database.migrations import run_env

assert tables.plumbing.outbox_table is not None
run_env(domain.SCHEMA, domain.Base.metadata)
