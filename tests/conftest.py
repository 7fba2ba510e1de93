"""Fixtures every kind of test may use: a real PostgreSQL, migrated schemas, a real RabbitMQ."""

from tests.support.database import fresh_database, migrated_template, postgres_server
from tests.support.rabbitmq import broker_url

__all__ = ["broker_url", "fresh_database", "migrated_template", "postgres_server"]
