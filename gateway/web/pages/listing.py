"""Lists with a cursor, the same on every page that has one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gateway.web.upstream import Service
from gateway.web.visit import Visit

PAGE_SIZE = 25
_MAX_QUERY = 200


@dataclass(frozen=True, slots=True)
class Listing:
    rows: list[Mapping[str, Any]]
    older: str | None
    """Where the next rows are, or None at the end of the list."""
    newest: str | None
    """Back to the first rows, or None when they are shown."""
    filters: Mapping[str, str]


async def read_listing(
    visit: Visit, service: Service, path: str, filters: tuple[str, ...] = (), limit: int = PAGE_SIZE
) -> Listing:
    """One page of rows; `filters` are the query parameters passed on to the service as they are."""
    chosen = {name: visit.query.get(name, "").strip()[:_MAX_QUERY] for name in filters}
    asked = {name: value for name, value in chosen.items() if value}
    cursor = visit.query.get("cursor", "")[:500]
    params = {**asked, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
    body = await visit.read(service, path, params)
    here = visit.request.url.path
    following = body.get("next_cursor")
    return Listing(
        rows=list(body["data"]),
        older=f"{here}?{urlencode({**asked, 'cursor': following})}" if following else None,
        newest=(f"{here}?{urlencode(asked)}" if asked else here) if cursor else None,
        filters=chosen,
    )
