"""`ez seed`: a sample catalogue, and for development demo logins."""

import argparse

import uvloop

from ez.seeding import seed_catalogue, seed_people
from ez.services import compose, settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--people", action="store_true", help="also demo logins; development only")


def run(chosen: argparse.Namespace) -> int:
    """Seeds; safe to repeat. The demo logins are refused in production, before anything is written."""
    if chosen.people and settings_of("identity").environment == "production":
        print("The demo logins have published passwords and are not made in production. Use `ez staff add`.")
        return 2
    uvloop.run(_seed(chosen.people))
    return 0


async def _seed(people: bool) -> None:
    catalog = compose("catalog")
    await seed_catalogue(catalog)
    await catalog.database.close()
    if people:
        identity = compose("identity")
        await seed_people(identity)
        await identity.database.close()
