"""`ez serve SERVICE`: one service's API, or the gateway, as a process of its own."""

import argparse
from importlib import import_module

import uvloop
from starlette.applications import Starlette

from ez.processes import observe, settle, stopped
from ez.servers import ServerGroup
from ez.services import NAMES, compose, settings_of
from ez.settings import CommandSettings


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("service", choices=[*NAMES, "gateway"])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=CommandSettings().port)


def run(chosen: argparse.Namespace) -> int:
    """Serves until SIGTERM."""
    uvloop.run(_serve(chosen.service, chosen.host, chosen.port))
    return 0


async def _serve(name: str, host: str, port: int) -> None:
    app, trusted = _gateway() if name == "gateway" else (_service(name), "")
    servers = ServerGroup()
    await servers.start(app, port, name, host=host, trusted=trusted)
    settle()
    await stopped()
    await servers.stop()


def _gateway() -> tuple[Starlette, str]:
    settings = import_module("gateway.settings").GatewaySettings()
    observe("gateway", settings)
    return import_module("gateway.main").create_gateway(settings), settings.trusted_proxies


def _service(name: str) -> Starlette:
    observe(f"{name}-api", settings_of(name))
    return compose(name).app
