"""The checker from the command line: prints its lines, exits 1 when a promise is broken and 2 when a source is away."""

import argparse
import asyncio
import sys

import asyncpg
import httpx

from tests.chaos.checker.run import check
from tests.chaos.checker.sources import Sources
from tests.chaos.checker.timelines import timeline


async def _run(chosen: argparse.Namespace) -> int:
    sources = Sources(
        database_url=chosen.database,
        stripe_url=chosen.stripe,
        stripe_key=chosen.stripe_key,
        hypervisor_url=chosen.hypervisor,
        hypervisor_token=chosen.hypervisor_token,
        mail_url=chosen.mail,
    )
    try:
        if chosen.order:
            print("\n".join(await timeline(sources, chosen.order)))
            return 0
        report = await check(sources, settled=not chosen.in_flight)
    except (OSError, httpx.HTTPError, asyncpg.PostgresError) as error:
        print(f"A source could not be read: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print("\n".join(report.lines()))
    return 0 if report.holds else 1


def main() -> int:
    """Reads the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.checker", description=__doc__)
    parser.add_argument("--database", required=True, help="postgresql:// address of a superuser")
    parser.add_argument("--stripe", required=True, help="address of the Stripe sandbox")
    parser.add_argument("--stripe-key", required=True)
    parser.add_argument("--hypervisor", required=True, help="address of the hypervisor sandbox")
    parser.add_argument("--hypervisor-token", required=True, help='what follows "PVEAPIToken="')
    parser.add_argument("--mail", required=True, help="address of the caught mails")
    parser.add_argument(
        "--in-flight", action="store_true", help="things are still moving: judge only what cannot be right"
    )
    parser.add_argument("--order", help="print this order's timeline instead")
    return asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
