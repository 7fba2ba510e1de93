"""Every route × every role: who gets in is decided by the permission the route declares, and by nothing else.

The matrix is made from the apps themselves, so a route that is added tomorrow is in it.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from shared.contracts.permissions import ACCOUNT, FOR_STAFF, PERSONAL, ROLES, STAFF_ROLES, VOCABULARY, permissions_of
from shared.kernel import Principal, new_id
from shared.web.access import FRESH, staff_router
from shared.web.service import Service
from tests.support.callers import bearer, customer, service_bearer, staff
from tests.support.house import house

__all__ = ["house"]

_OWN_RULE = {"public", "internal"}
_PREFIXES = {
    "order": "ord",
    "service": "svc",
    "job": "job",
    "ticket": "tkt",
    "invoice": "inv",
    "session": "ses",
    "plan": "pln",
    "verification": "ver",
    "account": "acc",
    "key": "key",
    "entitlement": "ent",
    "provider": "prv",
    "subscription": "grp",
}

# What destroys, pays or reveals: whoever asks must have proved lately who they are. Changing a line is a decision.
DEMAND_FRESH_PROOF = {
    ("POST", "/api/v1/services/{service_id}/secret"),
    ("POST", "/api/v1/staff/accounts/{account_id}/restore"),
    ("POST", "/api/v1/staff/accounts/{account_id}/suspend"),
    ("POST", "/api/v1/staff/entitlements/{entitlement_id}/change"),
    ("POST", "/api/v1/staff/entitlements/{entitlement_id}/end"),
    ("POST", "/api/v1/staff/orders/{order_id}/accept-payment"),
    ("POST", "/api/v1/staff/providers"),
    ("PATCH", "/api/v1/staff/providers/{provider_id}"),
    ("PUT", "/api/v1/staff/switches/mail"),
    ("PUT", "/api/v1/staff/switches/provider-writes"),
}


class Route(NamedTuple):
    """One route as it is declared."""

    service: str
    method: str
    path: str
    permission: str
    fresh: bool

    def url(self) -> str:
        """The path with ids that nobody has."""
        return re.sub(r"\{(\w+)\}", lambda name: _value(name[1]), self.path)


def _value(name: str) -> str:
    kind = _PREFIXES.get(name.removesuffix("_id"))
    return new_id(kind) if kind else "x"


def _operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    ]


def declared(house: dict[str, Service]) -> list[Route]:
    """Every route of every service that demands a permission."""
    return [
        Route(service.name, method, path, operation["x-permission"], operation.get("x-fresh", False))
        for service in house.values()
        for method, path, operation in _operations(service.app)
        if "x-permission" in operation
    ]


async def _status(client: httpx.AsyncClient, route: Route, headers: dict[str, str]) -> tuple[int, str]:
    sent = headers | {"Idempotency-Key": "0123456789abcdef"}
    answer = await client.request(route.method, route.url(), json={}, headers=sent)
    problem = answer.headers.get("content-type") == "application/problem+json"
    return answer.status_code, str(answer.json()["type"]).rpartition("/")[2] if problem else ""


def _client(service: Service) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def _suspended(role: str) -> Principal:
    return replace(customer(role=role), permissions=permissions_of(role, suspended=True))


CALLERS: dict[str, Principal] = {
    **{f"account {role}": customer(role=role) for role in ROLES},
    **{f"suspended account {role}": _suspended(role) for role in ROLES},
    **{f"staff {role}": staff(role) for role in STAFF_ROLES},
    "staff of a role nobody knows": staff("wizard"),
    "a role nobody knows": customer(role="wizard"),
    "a person without an account": replace(customer(), account_id=None, role=None, permissions=permissions_of(None)),
}


async def test_a_route_without_a_permission_is_public_or_internal(house: dict[str, Service]) -> None:
    for service in house.values():
        for method, path, operation in _operations(service.app):
            bare = "x-permission" not in operation
            assert bare == bool(_OWN_RULE & set(operation["tags"])), f"{method} {path}"


def test_a_route_cannot_be_declared_without_a_permission_or_with_an_unknown_one() -> None:
    router = staff_router()
    with pytest.raises(TypeError, match="permission"):
        router.get("/things")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="vocabulary"):
        router.get("/things", permission="staff.things.destroy")


async def test_who_holds_the_permission_gets_in_and_nobody_else(house: dict[str, Service]) -> None:
    wrong = []
    for route in declared(house):
        async with _client(house[route.service]) as client:
            for name, caller in CALLERS.items():
                status, problem = await _status(client, route, bearer(caller))
                may = caller.may(route.permission) and (caller.account_id or route.permission not in ACCOUNT)
                if status >= 500 or (status != 403) != bool(may):
                    wrong.append((name, route.method, route.path, status, problem))
    assert wrong == []


async def test_nobody_and_our_own_services_get_in_nowhere(house: dict[str, Service]) -> None:
    for service in house.values():
        async with _client(service) as client:
            for route in (route for route in declared(house) if route.service == service.name):
                assert (await _status(client, route, {}))[0] == 401, route
                ours = service_bearer("gateway", service.name)
                assert (await _status(client, route, ours))[0] == 403, route


async def test_what_destroys_pays_or_reveals_asks_for_a_fresh_proof(house: dict[str, Service]) -> None:
    assert {(route.method, route.path) for route in declared(house) if route.fresh} == DEMAND_FRESH_PROOF


async def test_an_old_proof_is_refused_where_a_fresh_one_is_demanded_and_nowhere_else(
    house: dict[str, Service],
) -> None:
    """Asked of every route: what the list above says is what happens, whatever the routes declare."""
    now, wrong = datetime.now(UTC), []
    proofs = (now - FRESH - timedelta(minutes=1), None, now - FRESH + timedelta(minutes=5))
    for route in declared(house):
        caller = staff() if route.permission in FOR_STAFF else customer()
        demands = (route.method, route.path) in DEMAND_FRESH_PROOF
        async with _client(house[route.service]) as client:
            for proof in proofs:
                status, problem = await _status(client, route, bearer(replace(caller, authenticated_at=proof)))
                old = proof is None or proof < now - FRESH
                refused = (status, problem) == (403, "fresh-proof-needed")
                if refused != (demands and old) or (status == 403) != refused:
                    wrong.append((route.method, route.path, proof, status, problem))
    assert wrong == []


async def test_ids_that_nobody_has_are_not_found(house: dict[str, Service]) -> None:
    """Of things that somebody else has: test_ownership.py."""
    for route in declared(house):
        if "_id}" not in route.path or route.permission in FOR_STAFF:
            continue
        async with _client(house[route.service]) as client:
            status, _problem = await _status(client, route, bearer(customer()))
            assert status in (404, 422), route


async def test_no_permission_of_the_vocabulary_is_idle_for_staff_or_customers(house: dict[str, Service]) -> None:
    demanded = {route.permission for route in declared(house)}
    assert demanded <= set(VOCABULARY)
    assert set(PERSONAL) <= demanded


def test_roles_are_what_the_house_promised() -> None:
    assert "staff.jobs.retry" not in STAFF_ROLES["support"]
    assert "staff.payments.accept" not in STAFF_ROLES["support"]
    assert "staff.services.power" not in STAFF_ROLES["finance"]
    assert ROLES["owner"] == frozenset(ACCOUNT)
    assert not any(name.endswith((".place", ".power", ".write", ".manage")) for name in ROLES["read_only"])
    for name, granted in STAFF_ROLES.items():
        assert granted <= set(FOR_STAFF), name
    for name, granted in ROLES.items():
        assert granted <= set(ACCOUNT), name


def test_every_route_of_the_apps_is_an_api_route_of_ours(house: dict[str, Service]) -> None:
    """What OpenAPI does not list could not be in the matrix."""
    for service in house.values():
        hidden = [r.path for r in service.app.routes if isinstance(r, APIRoute) and not r.include_in_schema]
        assert hidden == [], service.name
