"""Fixtures every kind of test may use: a real PostgreSQL, migrated schemas, a real RabbitMQ."""

from hypothesis import HealthCheck, settings

from tests.support.database import clones, fresh_database, migrated_template, postgres_server
from tests.support.optional import pytest_collection_modifyitems
from tests.support.rabbitmq import broker_url

__all__ = [
    "broker_url",
    "clones",
    "fresh_database",
    "migrated_template",
    "postgres_server",
    "pytest_collection_modifyitems",
]

# No test asserts a time, and on a busy machine everything is slow.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
