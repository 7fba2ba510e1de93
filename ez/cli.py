"""ez up · serve · work · migrate · seed · check · docs"""

import argparse
import os
from pathlib import Path

import uvloop
from pydantic import ValidationError

from ez.check import check
from ez.docs import write_docs
from ez.migrating import migrate
from ez.processes import serve, work
from ez.seeding import seed_catalogue, seed_people
from ez.services import NAMES, compose
from ez.up import up


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ez", description="EZ Solutions: every paid order is fulfilled exactly once.")
    commands = parser.add_subparsers(dest="command", required=True)

    one = commands.add_parser("up", help="run everything in one process, with an embedded PostgreSQL and sandboxes")
    one.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")), help="the gateway's port")
    one.add_argument("--home", type=Path, default=Path(".ez"), help="where data is kept")

    api = commands.add_parser("serve", help="run one service's API, or the gateway")
    api.add_argument("service", choices=[*NAMES, "gateway"])
    worker = commands.add_parser("work", help="run one service's worker")
    worker.add_argument("service", choices=NAMES)
    for process in (api, worker):
        process.add_argument("--host", default="127.0.0.1")
        process.add_argument("--port", type=int, default=int(os.environ.get("EZ_PORT", "8000")))

    schemas = commands.add_parser("migrate", help="make roles and schemas and bring them up to date")
    schemas.add_argument(
        "--admin-url", default=os.environ.get("EZ_ADMIN_DATABASE_URL"), help="or EZ_ADMIN_DATABASE_URL"
    )

    seed = commands.add_parser("seed", help="make a sample catalogue; with --people also demo logins")
    seed.add_argument("--people", action="store_true", help="development only")

    deploy = commands.add_parser("check", help="say whether this environment is fit for production")
    deploy.add_argument("--deploy", action="store_true", help="refuse anything a production deployment must not have")

    docs = commands.add_parser("docs", help="write docs/generated from the code")
    docs.add_argument("--check", action="store_true", help="only say whether they are up to date")
    return parser


async def _seed(people: bool) -> None:
    catalog = compose("catalog")
    await seed_catalogue(catalog)
    await catalog.database.close()
    if people:
        identity = compose("identity")
        await seed_people(identity)
        await identity.database.close()


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        return _run(chosen)
    except ValidationError as error:
        missing = "\n".join(f"  {_variable(item, error.title)}: {item['msg']}" for item in error.errors())
        print(f"The settings are not complete. Set these in the environment:\n{missing}")
        return 2


def _variable(item: object, title: str) -> str:
    location = item["loc"]  # type: ignore[index]  # pydantic's ErrorDetails
    name = str(location[0]) if location else ""
    prefix = title.removesuffix("Settings").upper()
    return name if name.startswith("EZ_") else f"{prefix}_{name.upper()}"


def _run(chosen: argparse.Namespace) -> int:
    match chosen.command:
        case "up":
            return up(chosen.home, chosen.port)
        case "serve":
            uvloop.run(serve(chosen.service, chosen.host, chosen.port))
        case "work":
            uvloop.run(work(chosen.service, chosen.host, chosen.port))
        case "migrate":
            if not chosen.admin_url:
                print("Say where PostgreSQL is: --admin-url or EZ_ADMIN_DATABASE_URL")
                return 2
            uvloop.run(migrate(chosen.admin_url))
        case "seed":
            uvloop.run(_seed(chosen.people))
        case "check":
            return check(deploy=chosen.deploy)
        case "docs":
            return write_docs(Path("docs/generated"), only_check=chosen.check)
    return 0
