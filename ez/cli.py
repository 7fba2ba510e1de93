"""ez up · serve · work · migrate · seed · staff · keys · check · docs

A command is a module of `ez.commands` with `HELP`, `arguments(parser)` and `run(chosen) -> int`. Only the chosen one is
loaded: the production image has no sandboxes, and a worker needs no command but its own.
"""

import argparse
import gc
import sys
from importlib import import_module

from pydantic import ValidationError

from ez.refusals import refusals

COMMANDS = {
    "up": "run everything in one process, with an embedded PostgreSQL and sandboxes",
    "serve": "run one service's API, or the gateway",
    "work": "run one service's worker",
    "migrate": "make roles and schemas and bring them up to date",
    "seed": "make a sample catalogue; with --people also demo logins",
    "staff": "add, list or remove members of staff",
    "keys": "list, make or retire the keys that tokens are signed with",
    "check": "say whether this environment is fit for production",
    "docs": "write docs/generated from the code",
}

# What is loaded stays: looking for garbage at the usual pace costs an eighth of the time a process needs to start.
_COLLECT_SELDOM = (50_000, 20, 100)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    gc.set_threshold(*_COLLECT_SELDOM)
    parser = argparse.ArgumentParser(prog="ez", description="EZ Solutions: every paid order is fulfilled exactly once.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    chosen_name = next((word for word in given if word in COMMANDS), None)
    for name, purpose in COMMANDS.items():
        command = commands.add_parser(name, help=purpose)
        if name == chosen_name:
            import_module(f"ez.commands.{name}").arguments(command)
    chosen = parser.parse_args(given)
    try:
        return int(import_module(f"ez.commands.{chosen.command}").run(chosen))
    except ValidationError as error:
        missing = "\n".join(f"  {item.variable}: {item.advice}" for item in refusals(error))
        print(f"The settings are not complete. Set these in the environment:\n{missing}")
        return 2
