"""Every route of every service, found by walking the apps: what is public, what is ours, what bad input gets.

Who may do what is the matrix in tests/seams/test_permissions.py.
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from gateway.routing import owner_of
from shared.kernel import new_id
from shared.web.service import Service
from tests.support.callers import bearer, customer, staff
from tests.support.house import house

__all__ = ["house"]

# Everything that may be called by anybody. Adding a line here is a decision.
PUBLIC = {
    ("POST", "/api/v1/users"),
    ("POST", "/api/v1/users/verify"),
    ("POST", "/api/v1/users/verify/resend"),
    ("POST", "/api/v1/password-resets"),
    ("POST", "/api/v1/password-resets/complete"),
    ("POST", "/api/v1/sessions"),
    ("GET", "/api/v1/plans"),
    ("GET", "/api/v1/plans/{code}"),
    ("POST", "/api/v1/quotes"),
}
_PREFIXES = {
    "order": "ord",
    "service": "svc",
    "job": "job",
    "ticket": "tkt",
    "invoice": "inv",
    "session": "ses",
    "plan": "pln",
}
_PREFIXES |= {"verification": "ver", "entitlement": "ent"}


def _routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for path, item in app.openapi()["paths"].items():
        for method in item:
            yield method.upper(), path


def _filled(path: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1].removesuffix("_id")
        return new_id(_PREFIXES[name]) if name in _PREFIXES else "x"

    return re.sub(r"\{(\w+)\}", value, path)


async def _statuses(house: dict[str, Service], headers: dict[str, str]) -> dict[tuple[str, str], int]:
    found = {}
    for service in house.values():
        transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
            for method, path in _routes(service.app):
                sent = {"Idempotency-Key": "0123456789abcdef"}
                answer = await client.request(method, _filled(path), json={}, headers=sent)
                found[method, path] = answer.status_code
    return found


async def test_every_public_path_is_one_the_gateway_forwards_to_its_owner(house: dict[str, Service]) -> None:
    for name, service in house.items():
        for _method, path in _routes(service.app):
            expected = None if path.startswith("/internal/") else name
            assert owner_of(_filled(path)) == expected, path


async def test_nobody_gets_nothing_but_what_is_public(house: dict[str, Service]) -> None:
    open_routes = {route for route, status in (await _statuses(house, {})).items() if status != 401}
    assert open_routes == PUBLIC


async def test_staff_get_nothing_of_the_house(house: dict[str, Service]) -> None:
    statuses = await _statuses(house, bearer(staff()))
    assert {status for (_method, path), status in statuses.items() if path.startswith("/internal/")} == {403}


async def test_ids_of_others_are_not_found_and_no_route_breaks(house: dict[str, Service]) -> None:
    for caller in (customer(), staff()):
        for route, status in (await _statuses(house, bearer(caller))).items():
            assert status < 500, route
            if caller.account_id and "_id}" in route[1] and "/staff/" not in route[1] and "/internal/" not in route[1]:
                assert status in (404, 422), route


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("malformed JSON", b"{"),
        ("not an object", b"[]"),
        ("a string", b'"x"'),
        ("no UTF-8", b"\xff\xfe\x00"),
        ("deeply nested", b"[" * 50_000 + b"]" * 50_000),
        ("NUL", b'{"email": "a\\u0000@example.com", "subject": "\\u0000", "body": "\\u0000", "currency": "\\u0000"}'),
        ("huge number", b'{"items": [{"plan": "vps-s", "interval": "month", "quantity": 1e400}], "currency": "EUR"}'),
        ("empty", b""),
    ],
)
async def test_bad_bodies_are_refused_everywhere_with_a_problem(
    house: dict[str, Service], name: str, body: bytes
) -> None:
    for service in house.values():
        transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
        for caller in (customer(), staff()):
            headers = bearer(caller) | {"Content-Type": "application/json", "Idempotency-Key": "0123456789abcdef"}
            async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
                for method, path in _routes(service.app):
                    answer = await client.request(method, _filled(path), content=body)
                    assert answer.status_code < 500, (name, method, path, answer.text)
                    if answer.status_code >= 400:
                        assert answer.headers["content-type"] == "application/problem+json", (method, path)
                        assert answer.json()["request_id"]


async def test_an_oversized_body_is_a_problem_too(house: dict[str, Service]) -> None:
    transport = httpx.ASGITransport(house["support"].app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=bearer(customer())) as client:
        answer = await client.post("/api/v1/tickets", content=b"x" * 300_000)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
