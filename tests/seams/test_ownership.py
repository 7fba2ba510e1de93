"""Every route of customers × whose thing it is: Ada's own, or Eve's who has another account; with things that exist.

The routes are read from the API's own description and the ids from its lists. A route that is added tomorrow is in
here; if it wants a body, or a thing that Ada has not, a test fails until it is given one.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from shared.contracts.permissions import permissions_of
from tests.support.customer_routes import WORDS, Route, Things, customer_routes
from tests.support.embedded import Embedded, embedded
from tests.support.two_accounts import (
    Answer,
    Person,
    customer,
    give_what_can_be_removed,
    order_of,
    owner,
    public_key,
    send,
    suspended,
)

__all__ = ["embedded"]

Routes = tuple[Route, ...]

# A valid body for each route that takes one: only that shows that it was the owner who was missing.
BODIES: dict[tuple[str, str], Callable[[Person], Any]] = {
    ("POST", "/api/v1/orders"): lambda _person: order_of("eves-box"),
    ("POST", "/api/v1/services/{service_id}/power"): lambda _person: {"action": "reboot"},
    ("POST", "/api/v1/sessions/current/confirm"): lambda person: {"password": person.password},
    ("POST", "/api/v1/ssh-keys"): lambda _person: {"public_key": public_key()},
    ("POST", "/api/v1/tickets"): lambda _person: {"subject": "A question", "body": "Is it fast?"},
    ("POST", "/api/v1/tickets/{ticket_id}/messages"): lambda _person: {"body": "It is slower still."},
}


@pytest.fixture(scope="module")
def routes() -> Routes:
    """Every route of customers."""
    return customer_routes()


@pytest.fixture(scope="module")
def ada(embedded: Embedded) -> Person:
    """Who owns one of everything."""
    return owner(embedded, "ada")


@pytest.fixture(scope="module")
def eve(embedded: Embedded) -> Person:
    """Who has another account, and the same role in it."""
    return customer(embedded, "eve")


def _body(route: Route, person: Person) -> Any:
    return None if route.fields is None else BODIES[route.key](person)


def _called(routes: Iterable[Route], call: Callable[[Route], Answer]) -> dict[tuple[str, str], Answer]:
    answers = {route.key: call(route) for route in routes}
    assert answers, "no route was called"
    return answers


def test_every_route_that_takes_a_body_has_one_here(routes: Routes) -> None:
    assert set(BODIES) == {route.key for route in routes if route.fields is not None}
    assert [word for word in WORDS if not any(route.path.startswith(word) for route in routes)] == []


def test_what_another_account_has_is_not_found(routes: Routes, ada: Person, eve: Person) -> None:
    things = Things(ada)
    answers = _called(
        [route for route in routes if route.names_a_thing],
        lambda route: eve.send(route.method, things.path(route), _body(route, eve)),
    )
    told = {key: (answer.status, answer.slug, answer.ids) for key, answer in answers.items()}
    assert {key: heard for key, heard in told.items() if heard != (404, "not-found", set())} == {}


def test_lists_hold_nothing_of_another_account(routes: Routes, ada: Person, eve: Person) -> None:
    things, leaked = Things(ada), {}
    for route in (route for route in routes if route.reads and not route.names_a_thing):
        for address in things.addresses(route):
            own, others = ada.send("GET", address), eve.send("GET", address)
            if own.status == 422:  # a choice that only goes together with another one
                assert others.status == 422, address
                continue
            assert own.status == 200, (address, own)
            assert own.ids, f"{address} shows Ada nothing, so it proves nothing"
            leaked |= {address: own.ids & others.ids} if own.ids & others.ids else {}
    assert leaked == {}


def test_what_somebody_makes_is_in_their_own_account(routes: Routes, ada: Person, eve: Person) -> None:
    before = _listed(routes, ada)
    for route in (route for route in routes if not route.reads and not route.names_a_thing):
        token = eve.sign_in() if route.method == "DELETE" else eve.api.token
        made = eve.send(route.method, route.path, _body(route, eve), token=token)
        assert 200 <= made.status < 300, (route, made)
    assert _listed(routes, ada) == before
    assert _listed(routes, eve) & before == set()


def _listed(routes: Routes, person: Person) -> set[str]:
    readings = (route for route in routes if route.reads and not route.names_a_thing)
    return set().union(*(person.send("GET", route.path).ids for route in readings))


def test_what_one_makes_cannot_point_at_another_accounts_things(routes: Routes, ada: Person, eve: Person) -> None:
    things = Things(ada)
    pointing = [(route, name) for route in routes for name in route.fields or () if name.endswith("_id")]
    assert pointing
    for route, name in pointing:
        body = {**_body(route, ada), name: things.named(name)}
        path = things.path(route) if route.names_a_thing else route.path
        assert ada.send(route.method, path, body).status < 300, (route, name)
        assert eve.send(route.method, path, body).status in (404, 422), (route, name)


def test_a_quote_tells_of_names_in_ones_own_account_only(ada: Person, eve: Person) -> None:
    """Anybody may ask for one, so it is in no list of customers' routes; yet it looks at what the caller has."""
    wanted = order_of("ada-box")
    assert "already have" in ada.send("POST", "/api/v1/quotes", wanted).text
    for other in (eve.send("POST", "/api/v1/quotes", wanted), ada.send("POST", "/api/v1/quotes", wanted, token="")):
        assert other.status == 200
        assert "already have" not in other.text


def test_who_is_not_signed_in_gets_in_nowhere(routes: Routes, embedded: Embedded, ada: Person) -> None:
    things = Things(ada)
    for token in ("", ada.api.token[:-4] + "AAAA"):
        answers = _called(
            routes, lambda route, token=token: send(embedded.url, route.method, things.path(route), None, token)
        )
        assert {key: answer.status for key, answer in answers.items() if answer.status != 401} == {}


def test_who_did_not_verify_their_address_is_given_no_session(embedded: Embedded) -> None:
    """So they are somebody who is not signed in, and what those get is shown beside this."""
    mallory = Person(embedded, "mallory")
    refused = mallory.send("POST", "/api/v1/sessions", mallory.credentials)
    assert (refused.status, refused.slug) == (403, "email-unverified")
    assert "ezs_" not in refused.text
    mallory.verify()
    assert mallory.send("GET", "/api/v1/me").status == 200


def test_of_a_suspended_account_people_read_and_write_to_us(routes: Routes, ada: Person) -> None:
    left = permissions_of("owner", suspended=True)
    spare = give_what_can_be_removed(ada)
    with suspended(ada):
        answers = _of_ada(routes, ada, spare)
    for route in routes:
        answer = answers[route.key]
        if route.permission in left:
            assert 200 <= answer.status < 300, (route, answer)
        else:
            assert (answer.status, answer.slug) == (403, "not-permitted"), (route, answer)


def test_what_is_ones_own_is_found(routes: Routes, ada: Person) -> None:
    naming = [route for route in routes if route.names_a_thing]
    answers = _of_ada(naming, ada, give_what_can_be_removed(ada))
    for route in naming:
        answer = answers[route.key]
        # What was paid cannot be paid or canceled again, which is for its owner to hear, and not that it is missing.
        expected = (200,) if route.reads else (200, 201, 202, 204, 409)
        assert answer.status in expected, (route, answer)


def _of_ada(routes: Iterable[Route], ada: Person, spare: str) -> dict[tuple[str, str], Answer]:
    """What Ada is answered about her own things; `spare` is the session to end where a route ends the one that asks."""
    things = Things(ada)

    def call(route: Route) -> Answer:
        token = spare if route.path.endswith("/sessions/current") else ada.api.token
        return ada.send(route.method, things.path(route), _body(route, ada), token=token)

    return _called(routes, call)
