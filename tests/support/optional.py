"""Tests that need a tool of the machine are deselected where it is missing, so that a skip always means a fault.

`@pytest.mark.needs("kubectl")`. `needs("root")` is for tests of what only root can do.
"""

import os
import shutil

import pytest


def missing(tool: str) -> bool:
    """Whether this machine lacks it."""
    return os.geteuid() != 0 if tool == "root" else shutil.which(tool) is None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out what cannot run here."""
    left = [item for item in items if any(missing(tool) for mark in item.iter_markers("needs") for tool in mark.args)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
