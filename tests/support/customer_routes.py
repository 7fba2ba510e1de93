"""Every route that customers may call, as the API describes itself, with the ids it wants filled in from its lists."""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from ez.openapi import public_openapi
from shared.contracts.permissions import STAFF
from tests.support.two_accounts import Person

# Path parameters that name no thing of an account, each where its path ends with it; every other one is an id, and the
# list it is found in is what stands before it.
WORDS = {"/api/v1/services/{service_id}/actions/{name}": "reboot"}
_PARAMETER = re.compile(r"\{(\w+)\}")
_PAGING = ("limit", "cursor")


class Route(NamedTuple):
    """One route of a person or a customer."""

    method: str
    path: str
    permission: str
    fields: tuple[str, ...] | None  # of its body; None when it takes none
    queries: tuple[tuple[str, tuple[str, ...]], ...]  # each parameter with the words it takes, if they are listed

    @property
    def key(self) -> tuple[str, str]:
        """What it is called in a table."""
        return self.method, self.path

    @property
    def names_a_thing(self) -> bool:
        """Whether its path names something that one account has and another has not."""
        return bool(_PARAMETER.search(self.path))

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"


@cache
def customer_routes() -> tuple[Route, ...]:
    """All of them; those that remove come last, so that what they remove was used before."""
    document = json.loads(public_openapi())
    routes = [
        Route(method.upper(), path, operation["x-permission"], _fields(document, operation), _queries(operation))
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if not operation.get("x-permission", STAFF).startswith(STAFF)
    ]
    return tuple(sorted(routes, key=lambda route: (route.method == "DELETE", not route.reads, route.path)))


def _fields(document: dict[str, Any], operation: dict[str, Any]) -> tuple[str, ...] | None:
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return tuple(named["properties"])


def _queries(operation: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    wanted = [one for one in operation.get("parameters", []) if one["in"] == "query" and one["name"] not in _PAGING]
    return tuple((one["name"], tuple(_words(one["schema"]))) for one in wanted)


def _words(schema: dict[str, Any]) -> Iterator[str]:
    for one in (schema, *schema.get("anyOf", ())):
        yield from [one["const"]] if "const" in one else one.get("enum", ())


class Things:
    """What somebody has, found through the lists in which the routes show it to them."""

    def __init__(self, owner: Person) -> None:
        self._owner = owner
        self._lists: dict[str, list[dict[str, Any]]] = {}

    def path(self, route: Route) -> str:
        """The route's path with ids of the owner's things."""
        filled, end = "", 0
        for found in _PARAMETER.finditer(route.path):
            filled += route.path[end : found.start()]
            filled += WORDS.get(route.path[: found.end()]) or self._one_of(filled.rstrip("/"))
            end = found.end()
        return filled + route.path[end:]

    def named(self, field: str) -> str:
        """One of the owner's things for a field such as `order_id`: of the list called so."""
        return self._one_of(f"/api/v1/{field.removesuffix('_id')}s")

    def addresses(self, route: Route) -> list[str]:
        """A list's path, and with each choice of its query parameters: the owner's ids, and the words it takes."""
        given = ((name, [self.named(name)] if name.endswith("_id") else words) for name, words in route.queries)
        choices = [["", *(f"{name}={value}" for value in values)] for name, values in given]
        queries = ["&".join(filter(None, chosen)) for chosen in product(*choices)]
        return [f"{route.path}?{query}" if query else route.path for query in queries]

    def _one_of(self, path: str) -> str:
        if path not in self._lists:
            answer = self._owner.send("GET", path)
            assert answer.status == 200, f"GET {path} lists nothing ({answer.status}), so which ids belong there?"
            self._lists[path] = json.loads(answer.text)["data"]
        # The session that asks is not for others to end, nor for a test.
        found = [thing["id"] for thing in self._lists[path] if not thing.get("current")]
        assert found, f"the owner has nothing of what {path} lists: give them one in two_accounts.owner"
        return str(found[0])
