"""`ez check --deploy`: what must not go to production, found before it does; in the spirit of Django's checks.

Each settings class knows what is unsafe in it (`deploy_findings`); this puts the answers together.
"""

import argparse
import os
from collections.abc import Sequence

from pydantic import ValidationError

from ez.refusals import refusals
from ez.services import PROCESSES, settings_class
from shared.web.findings import Finding


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    whose = f"{', '.join(PROCESSES)}; by default those the environment has settings of"
    parser.add_argument("service", nargs="?", choices=PROCESSES, metavar="SERVICE", help=whose)
    parser.add_argument("--deploy", action="store_true", help="any finding is an error")


def run(chosen: argparse.Namespace) -> int:
    """Checks this process's environment."""
    return check(deploy=chosen.deploy, names=[chosen.service] if chosen.service else present())


def present() -> list[str]:
    """Whose settings the environment has: one service's in a pod, everybody's in docker-compose.yml's."""
    return [name for name in PROCESSES if any(variable.startswith(f"{name.upper()}_") for variable in os.environ)]


def findings(names: Sequence[str]) -> list[Finding]:
    """What in the environment is not fit for production, each once.

    While a process would not even start, only what keeps it from starting is found.
    """
    return list(dict.fromkeys(finding for name in names for finding in _of(name)))


def _of(name: str) -> list[Finding]:
    try:
        return list(settings_class(name)().deploy_findings())
    except ValidationError as error:
        return refusals(error)


def check(*, deploy: bool, names: Sequence[str]) -> int:
    """Prints the findings; with `deploy` any of them is an error (exit code 1)."""
    if not names:
        print(f"There are no settings here. Name a service: {', '.join(PROCESSES)}.")
        return 1 if deploy else 0
    found = findings(names)
    for item in found:
        print(f"{item.variable}: {item.advice}")
    if not found:
        print(f"Fit for production: {', '.join(names)}.")
        return 0
    print(f"\n{len(found)} finding{'s' if len(found) != 1 else ''} in {', '.join(names)}. Values are never printed.")
    return 1 if deploy else 0
