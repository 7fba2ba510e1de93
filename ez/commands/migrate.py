"""`ez migrate`: roles, schemas and every migration."""

import argparse
import os

import uvloop

from ez.migrations import migrate


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument(
        "--admin-url", default=os.environ.get("EZ_ADMIN_DATABASE_URL"), help="default: EZ_ADMIN_DATABASE_URL"
    )


def run(chosen: argparse.Namespace) -> int:
    """Migrates all five schemas."""
    if not chosen.admin_url:
        print("Say where PostgreSQL is: --admin-url or EZ_ADMIN_DATABASE_URL")
        return 2
    uvloop.run(migrate(chosen.admin_url))
    return 0
