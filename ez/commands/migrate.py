"""`ez migrate`: roles, schemas and every migration."""

import argparse

import uvloop

from ez.migrations import migrate
from ez.settings import CommandSettings


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--admin-url", help="default: EZ_ADMIN_DATABASE_URL")


def run(chosen: argparse.Namespace) -> int:
    """Migrates all five schemas."""
    settings = CommandSettings()
    given = settings.admin_database_url.get_secret_value() if settings.admin_database_url else None
    admin_url = chosen.admin_url or given
    if not admin_url:
        print("Say where PostgreSQL is: --admin-url or EZ_ADMIN_DATABASE_URL")
        return 2
    uvloop.run(migrate(admin_url))
    return 0
