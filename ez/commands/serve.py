"""`ez serve SERVICE`: one service's API, or the gateway, as a process of its own."""

import argparse
from importlib import import_module

import uvloop
from starlette.applications import Starlette

from ez.processes import observe, settle, stopped
from ez.servers import ServerGroup
from ez.services import PROCESSES, compose, settings_class
from ez.settings import CommandSettings
from shared.web.settings import ProcessSettings


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("service", choices=PROCESSES)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=CommandSettings().port)


def run(chosen: argparse.Namespace) -> int:
    """Serves until SIGTERM."""
    uvloop.run(_serve(chosen.service, chosen.host, chosen.port))
    return 0


async def _serve(name: str, host: str, port: int) -> None:
    settings = settings_class(name)()
    observe(name if name == "gateway" else f"{name}-api", settings)
    app, trusted = _gateway(settings) if name == "gateway" else (compose(name).app, "")
    servers = ServerGroup(drain=settings.drain_seconds)
    await servers.start(app, port, name, host=host, trusted=trusted)
    settle()
    await stopped()
    await servers.stop()


def _gateway(settings: ProcessSettings) -> tuple[Starlette, str]:
    """Loaded here alone: the process of a service carries nothing of the gateway."""
    gateway: Starlette = import_module("gateway.main").create_gateway(settings)
    return gateway, str(settings.model_dump()["trusted_proxies"])
