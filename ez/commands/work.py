"""`ez work SERVICE`: one service's worker as a process of its own, with its health and metrics on a port."""

import argparse
import asyncio
import contextlib

import uvloop
from starlette.applications import Starlette

from ez.processes import observe, settle, stopped
from ez.servers import ServerGroup
from ez.services import NAMES, compose, settings_of
from ez.settings import CommandSettings
from shared.web.health import health_routes


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("service", choices=NAMES)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=CommandSettings().port)


def run(chosen: argparse.Namespace) -> int:
    """Works until SIGTERM; work in hand is in PostgreSQL and goes on elsewhere."""
    return uvloop.run(_work(chosen.service, chosen.host, chosen.port))


async def _work(name: str, host: str, port: int) -> int:
    settings = settings_of(name)
    observe(f"{name}-worker", settings)
    service = compose(name)
    broker = ("broker", lambda: service.worker.transport.connected)
    servers = ServerGroup(drain=settings.drain_seconds)
    await servers.start(Starlette(routes=[*health_routes(service.database, broker)]), port, name, host=host)
    settle()
    working = asyncio.create_task(service.worker.run())
    stopping = asyncio.create_task(stopped())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    ended_by_itself = working.done()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    await servers.stop()
    await service.database.close()
    return 1 if ended_by_itself else 0
