"""Fixtures every kind of test may use: a real PostgreSQL, migrated schemas, a real RabbitMQ."""

from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support import optional
from tests.support.database import clones, fresh_database, migrated_template, postgres_server
from tests.support.optional import pytest_report_header, pytest_runtest_setup
from tests.support.rabbitmq import broker_url

__all__ = [
    "broker_url",
    "clones",
    "fresh_database",
    "migrated_template",
    "postgres_server",
    "pytest_report_header",
    "pytest_runtest_setup",
]

# No test asserts a time, and on a busy machine everything is slow.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Its own way to print a traceback shows every local variable in colour: seconds for each error that a test provokes.
*_before, _ = structlog.get_config()["processors"]
_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*_before, _plain])

# Whole deployments and browsers first: what is left for the end is short, so that all workers end together.
_ORDER = (
    "distributed",
    "chaos",
    "e2e",
    "seams",
    "faults",
    "web",
    "integration",
    "contract",
    "architecture",
    "api",
    "unit",
)
_HERE = Path(__file__).parent


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(_HERE).parts[0]
    return _ORDER.index(folder) if folder in _ORDER else 0


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without what cannot run here; the folders in this order, and within one whatever order the tests were given."""
    optional.pytest_collection_modifyitems(config, items)
    items.sort(key=_rank)
