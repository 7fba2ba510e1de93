"""/health/live says the process runs; /health/ready says it can serve now; /metrics says how it is doing."""

import asyncio
from collections.abc import Callable, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.database import Database
from shared.telemetry import metrics

_PATIENCE = 2.0


def health_routes(database: Database | None, *checks: tuple[str, Callable[[], bool]]) -> Sequence[Route]:
    """The three routes. `checks` name further conditions for being ready, e.g. a connected broker."""

    async def live(_request: Request) -> Response:
        return _answer(200, {"status": "ok"})

    async def ready(_request: Request) -> Response:
        found = {name: "ok" if check() else "away" for name, check in checks}
        if database is not None:
            found["database"] = await _database_state(database)
        healthy = all(state == "ok" for state in found.values())
        return _answer(200 if healthy else 503, {"status": "ok" if healthy else "not ready", "checks": found})

    async def exposition(_request: Request) -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", exposition)]


async def _database_state(database: Database) -> str:
    try:
        await asyncio.wait_for(database.ping(), _PATIENCE)
    except Exception:  # noqa: BLE001 - any failure to answer means "not ready"; the reason is in the logs of its users
        return "away"
    return "ok"


def _answer(status: int, body: object) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"Cache-Control": "no-store"})
