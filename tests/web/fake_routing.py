"""How the fake services are put together: handlers by path, problems, pages of rows."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.web.upstream import Answer, Visitor
from tests.web.fake_data import Json, World

_PRIVATE = frozenset({"account_id", "payload", "steps", "messages", "_paid_clock"})


def problem(status: int, slug: str, detail: str, errors: Mapping[str, str] | None = None, **headers: str) -> Answer:
    body: Json = {
        "type": f"https://ez.solutions/problems/{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "request_id": "req_0123456789",
    }
    if errors:
        body["errors"] = [{"pointer": pointer, "detail": text} for pointer, text in errors.items()]
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


NOT_FOUND = problem(404, "not-found", "There is no such thing here.")


@dataclass
class Ask:
    """One request to the fake services."""

    world: World
    json: Json
    params: Mapping[str, str]
    visitor: Visitor | None
    headers: Mapping[str, str]
    path: tuple[str, ...] = ()

    @property
    def account(self) -> str | None:
        return self.visitor.account_id if self.visitor else None


Handler = Callable[[Ask], Answer]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        ROUTES.append((method, re.compile(f"/api/v1{pattern}"), handler))
        return handler

    return register


def shown(row: Json, *keep: str) -> Json:
    return {name: value for name, value in row.items() if name not in _PRIVATE or name in keep}


def page(ask: Ask, rows: list[Json], *keep: str) -> Answer:
    limit, start = int(ask.params.get("limit", "20")), int(ask.params.get("cursor") or "0")
    following = str(start + limit) if start + limit < len(rows) else None
    data = [shown(row, *keep) for row in rows[start : start + limit]]
    return Answer(200, {"data": data, "next_cursor": following})


def one(rows: list[Json], row_id: str, account: str | None = None, *keep: str) -> Answer:
    row = find(rows, row_id, account)
    return Answer(200, shown(row, *keep)) if row else NOT_FOUND


def find(rows: list[Json], row_id: str, account: str | None = None) -> Json | None:
    return next((row for row in rows if row["id"] == row_id and account in (None, row.get("account_id"))), None)


def mine(ask: Ask, rows: list[Json]) -> list[Json]:
    return [row for row in rows if row["account_id"] == ask.account]


def matching(ask: Ask, rows: list[Json], *names: str) -> list[Json]:
    wanted = {name: ask.params[name] for name in names if ask.params.get(name)}
    query = ask.params.get("q", "")
    rows = [row for row in rows if all(str(row.get(name)) == value for name, value in wanted.items())]
    return [row for row in rows if query in str(row)] if query else rows
