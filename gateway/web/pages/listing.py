"""Lists with a cursor, the same on every page that has one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic
from urllib.parse import urlencode

from gateway.web.upstream import Model, Service
from gateway.web.visit import Visit
from shared.contracts.reads.common import Page

PAGE_SIZE = 25
_MAX_QUERY = 200


@dataclass(frozen=True, slots=True)
class Listing(Generic[Model]):
    """One page of rows, and where its neighbours are; None where there is no such page."""

    rows: list[Model]
    newest: str | None
    newer: str | None
    older: str | None
    filters: Mapping[str, str]
    """What the list is narrowed to; every name is there, empty where nothing is chosen."""
    address: str

    @property
    def narrowed(self) -> bool:
        """Whether there may be more than these filters let through."""
        return any(self.filters.values())

    def where(self, **changed: str) -> str:
        """The first page of this list with some filters changed and the others kept."""
        kept = {name: value for name, value in {**self.filters, **changed}.items() if value}
        return f"{self.address}?{urlencode(kept)}" if kept else self.address


async def read_listing(
    visit: Visit, service: Service, path: str, model: type[Model], filters: tuple[str, ...] = ()
) -> Listing[Model]:
    """One page of rows; `filters` are the query parameters passed on to the service as they are."""
    query = visit.query
    narrowed = {name: query.line(name)[:_MAX_QUERY] for name in filters}
    asked = {name: value for name, value in narrowed.items() if value}
    cursor = query.get("cursor", "")[:500]
    params = {**asked, "limit": str(PAGE_SIZE)} | ({"cursor": cursor} if cursor else {})
    page = await visit.read(service, path, Page[model], params)  # type: ignore[valid-type]  # a model made at run time
    here = visit.request.url.path

    def at(other: str | None) -> str | None:
        return f"{here}?{urlencode({**asked, 'cursor': other})}" if other else None

    newest = (f"{here}?{urlencode(asked)}" if asked else here) if cursor else None
    return Listing(page.data, newest, at(page.previous_cursor), at(page.next_cursor), narrowed, here)
