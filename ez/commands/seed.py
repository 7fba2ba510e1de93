"""`ez seed`: a sample catalogue, and for development demo logins."""

import argparse

import uvloop

from ez.seeding import seed_catalogue, seed_people
from ez.services import compose


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--people", action="store_true", help="also demo logins; development only")


def run(chosen: argparse.Namespace) -> int:
    """Seeds; safe to repeat."""
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
