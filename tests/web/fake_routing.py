"""How the fake services are put together: handlers by path, each with the read model it answers."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gateway.web.upstream import Answer, Visitor
from shared.contracts.reads.common import Page
from tests.web.fake_data import World

Json = dict[str, Any]


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
NO_REASON = problem(422, "validation-failed", "", {"/reason": "Say why, in at least three characters."})


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
    def account(self) -> str:
        return (self.visitor.account_id or "") if self.visitor else ""

    @property
    def has_reason(self) -> bool:
        return len(self.json.get("reason", "")) >= 3


Handler = Callable[[Ask], Any]
"""Answers a model, which is then shown as the declared one, or a whole `Answer`: a problem, say."""


class Nothing(BaseModel):
    """No body."""


@dataclass(frozen=True)
class FakeRoute:
    """One path, what it answers with, and whether it wants a fresh proof."""

    method: str
    pattern: re.Pattern[str]
    model: Any
    status: int
    fresh: bool
    handler: Handler


ROUTES: list[FakeRoute] = []


def route(
    method: str, pattern: str, model: Any = Nothing, *, status: int = 200, fresh: bool = False
) -> Callable[[Handler], Handler]:
    """Registers a handler; what it returns is shown as `model`, and nothing else of it."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(FakeRoute(method, re.compile(f"/api/v1{pattern}"), model, status, fresh, handler))
        return handler

    return register


def page(ask: Ask, rows: Sequence[BaseModel]) -> BaseModel:
    limit, start = int(ask.params.get("limit", "20")), int(ask.params.get("cursor") or "0")
    return Page[Any].model_construct(
        data=list(rows[start : start + limit]),
        next_cursor=str(start + limit) if start + limit < len(rows) else None,
        previous_cursor=str(max(0, start - limit)) if start else None,
    )


def find(rows: Sequence[Any], row_id: str, account: str | None = None) -> Any:
    return next((row for row in rows if row.id == row_id and account in (None, row.customer.account_id)), None)


def one(rows: Sequence[Any], row_id: str, account: str | None = None) -> BaseModel | Answer:
    found = find(rows, row_id, account)
    return found if found is not None else NOT_FOUND


def mine(ask: Ask, rows: Sequence[Any]) -> list[Any]:
    return [row for row in rows if row.customer.account_id == ask.account]


def matching(ask: Ask, rows: Sequence[Any], *names: str) -> list[Any]:
    """Rows whose attributes are as asked, and in which the words searched for are somewhere."""
    wanted = {name: ask.params[name] for name in names if ask.params.get(name)}
    query = ask.params.get("q", "")
    rows = [row for row in rows if all(str(getattr(row, name)) == value for name, value in wanted.items())]
    return [row for row in rows if query in row.model_dump_json()] if query else list(rows)
