"""The first page after signing in: what runs, what needs attention, what was bought."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from gateway.web.pages.route import get
from gateway.web.upstream import Service, UpstreamAway
from gateway.web.visit import Visit

_ROWS = 5


@dataclass(frozen=True, slots=True)
class Panel:
    """One part of the dashboard; `rows` is None while its service does not answer."""

    rows: list[Mapping[str, Any]] | None
    more: bool = False


async def dashboard(visit: Visit) -> Response:
    if visit.member.account_id is None and visit.member.is_staff:
        return visit.redirect("/console")
    services, orders, tickets, invoices = await asyncio.gather(
        _panel(visit, "provisioning", "/api/v1/services", 10),
        _panel(visit, "catalog", "/api/v1/orders"),
        _panel(visit, "support", "/api/v1/tickets"),
        _panel(visit, "billing", "/api/v1/invoices"),
    )
    return visit.render("dashboard.html", services=services, orders=orders, tickets=tickets, invoices=invoices)


async def _panel(visit: Visit, service: Service, path: str, rows: int = _ROWS) -> Panel:
    """One silent service costs its own panel, not the page."""
    try:
        answer = await visit.call(service, "GET", path, params={"limit": str(rows)})
    except UpstreamAway:
        return Panel(None)
    if not answer.ok:
        return Panel(None)
    return Panel(list(answer.data["data"]), bool(answer.data.get("next_cursor")))


ROUTES = (get("/dashboard", dashboard),)
