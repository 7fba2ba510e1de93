"""Facts and work that gave up, or that wait because nobody here understands them yet, of every service."""

import asyncio
from typing import get_args

from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.web.pages.route import get, post
from gateway.web.upstream import Service
from gateway.web.visit import Visit
from shared.web.dead_letters import DeadLetters

SERVICES: tuple[Service, ...] = get_args(Service)
# Those whose letters are read with the page, because they hold money and machines; the others when asked for.
_FIRST: tuple[Service, ...] = ("catalog", "billing", "provisioning")
_READ = "staff.letters.read"


async def letters(visit: Visit) -> Response:
    found = await asyncio.gather(*(visit.read_or_none(one, _path(one), DeadLetters) for one in _FIRST))
    return visit.render(
        "console/letters.html",
        read=dict(zip(_FIRST, found, strict=True)),
        others=[one for one in SERVICES if one not in _FIRST],
    )


async def letters_of(visit: Visit) -> Response:
    service = _service(visit)
    found = await visit.read(service, _path(service), DeadLetters)
    return visit.panel("console/_letters.html", f"Dead letters of {service}", service=service, found=found)


async def replay(visit: Visit) -> Response:
    service = _service(visit)
    target = f"{_path(service)}/{visit.path('queue')}/{visit.path('letter_id')}/replay"
    visit.require(service, await visit.call(service, "POST", target))
    return visit.redirect("/console/dead-letters", "letter-replayed")


def _service(visit: Visit) -> Service:
    for one in SERVICES:
        if one == visit.path("service"):
            return one
    raise HTTPException(404)


def _path(service: Service) -> str:
    return f"/api/v1/staff/dead-letters/{service}"


ROUTES = (
    get("/console/dead-letters", letters, _READ),
    get("/console/dead-letters/{service}", letters_of, _READ),
    post("/console/dead-letters/{service}/{queue}/{letter_id}/replay", replay, "staff.letters.replay"),
)
