"""`ez serve` and `ez work`: one service's API, or one service's worker, as a process of its own."""

import asyncio
import contextlib
import signal

from starlette.applications import Starlette

from ez.servers import ServerGroup
from ez.services import compose, settings_of
from gateway.main import create_gateway
from gateway.settings import GatewaySettings
from shared.telemetry.errors import configure_errors
from shared.telemetry.logs import configure_logging
from shared.telemetry.tracing import configure_tracing
from shared.web.health import health_routes


def _observe(process: str, level: str, dsn: str | None, environment: str, release: str) -> None:
    configure_logging(level)
    configure_tracing(process)
    configure_errors(dsn, process, environment, release)


async def _stopped() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def serve(name: str, host: str, port: int) -> None:
    """Runs the API of one service (or the gateway) until SIGTERM."""
    trusted = ""
    if name == "gateway":
        settings = GatewaySettings()  # type: ignore[call-arg]  # every value comes from the environment
        dsn = settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None
        _observe("gateway", settings.log_level, dsn, settings.environment, settings.release)
        app: Starlette = create_gateway(settings)
        trusted = settings.trusted_proxies
    else:
        common = settings_of(name)
        dsn = common.sentry_dsn.get_secret_value() if common.sentry_dsn else None
        _observe(f"{name}-api", common.log_level, dsn, common.environment, common.release)
        app = compose(name).app
    servers = ServerGroup()
    await servers.start(app, port, name, host=host, trusted=trusted)
    await _stopped()
    await servers.stop()


async def work(name: str, host: str, port: int) -> None:
    """Runs the worker of one service until SIGTERM, with its health and metrics on `port`."""
    common = settings_of(name)
    dsn = common.sentry_dsn.get_secret_value() if common.sentry_dsn else None
    _observe(f"{name}-worker", common.log_level, dsn, common.environment, common.release)
    service = compose(name)
    checks = ("broker", lambda: service.worker.transport.connected)
    servers = ServerGroup()
    await servers.start(Starlette(routes=[*health_routes(service.database, checks)]), port, name, host=host)
    working = asyncio.create_task(service.worker.run())
    stopping = asyncio.create_task(_stopped())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    await servers.stop()
    await service.database.close()
