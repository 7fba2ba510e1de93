"""Two customers of a running instance: Ada, who has one of everything, and Eve, who has another account."""

import base64
import re
import secrets
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from ez.demo import Api, steps
from ez.seeding import STAFF
from tests.support.embedded import Embedded

# Every id of a thing somebody has: a prefix for its kind, and 26 letters and digits.
_IDS = re.compile(r"\b[a-z]{3}_[0-9a-z]{20,}\b")
# What is sold to everybody Eve may well see too, and requests belong to who sends them.
_NOBODYS = ("pln_", "prc_", "req_")


class Answer(NamedTuple):
    """What a request was answered; `slug` names the problem, if it is one."""

    status: int
    slug: str
    text: str

    @property
    def ids(self) -> set[str]:
        """The things of somebody that it names."""
        return {found for found in _IDS.findall(self.text) if not found.startswith(_NOBODYS)}


class Person:
    """Somebody who signed up. Their address is not verified yet, and they are not signed in."""

    def __init__(self, instance: Embedded, name: str) -> None:
        self.instance, self.api = instance, Api(instance.url)
        self.email = f"{name}-{secrets.token_hex(5)}@customers.example"
        self.password = secrets.token_urlsafe(18)
        self.api("POST", "/api/v1/users", {**self.credentials, "name": name.title()})

    @property
    def credentials(self) -> dict[str, str]:
        """What they sign in with."""
        return {"email": self.email, "password": self.password}

    def verify(self) -> None:
        """Opens the link in the mail, and signs in."""
        mail = steps.wait_for("the confirmation mail", lambda: self.instance.mails(self.email))[0]
        found = re.search(r"/verify\?token=([\w%.~-]+)", mail["text"])
        assert found is not None, mail["text"]
        self.api("POST", "/api/v1/users/verify", {"token": urllib.parse.unquote(found[1])})
        self.api.token = self.sign_in()

    def sign_in(self) -> str:
        """One more session; returns its token."""
        return str(Api(self.api.url)("POST", "/api/v1/sessions", self.credentials)["token"])

    def send(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Answer:
        """One request as this person, or with another token (none at all when it is empty)."""
        return send(self.api.url, method, path, body, self.api.token if token is None else token)


def send(url: str, method: str, path: str, body: Any, token: str) -> Answer:
    """One request; of a stream that opens, no more is waited for than that it does."""
    headers = {"Idempotency-Key": secrets.token_hex(16)}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with httpx.stream(method, url + path, json=body, headers=headers, timeout=60) as answer:
        kind = answer.headers.get("content-type", "")
        text = "" if kind.startswith("text/event-stream") else answer.read().decode()
        slug = str(answer.json()["type"]).rpartition("/")[2] if kind.startswith("application/problem+json") else ""
        return Answer(answer.status_code, slug, text)


def public_key() -> str:
    """A well-formed key that nobody has the private half of."""
    parts = (b"ssh-ed25519", secrets.token_bytes(32))
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} somebody@laptop"


def order_of(hostname: str) -> dict[str, Any]:
    """The body of an order of one server, with a one-time password to be shown."""
    configuration = {"hostname": hostname, "root_password": True}
    item = {"plan": "vps-s", "interval": "month", "configuration": configuration}
    return {"currency": "EUR", "items": [item]}


def customer(instance: Embedded, name: str) -> Person:
    """Somebody with an account, who is signed in and has nothing."""
    person = Person(instance, name)
    person.verify()
    return person


def give_what_can_be_removed(person: Person) -> str:
    """A key and two more sessions, for a test that removes what it is shown; returns the token of one of them."""
    person.api("POST", "/api/v1/ssh-keys", {"public_key": public_key()})
    person.sign_in()
    return person.sign_in()


def owner(instance: Embedded, name: str) -> Person:
    """A customer with one of everything that an account can have; which that is, the routes' own lists must tell."""
    person = customer(instance, name)
    api = person.api
    give_what_can_be_removed(person)
    placed = steps.order(api, order_of(f"{name}-box")["items"])
    steps.pay(api, placed["id"])
    service = steps.delivered(api, placed["id"])[0]
    steps.wait_for("the invoice", lambda: api("GET", "/api/v1/invoices")["data"])
    steps.wait_for("the subscription", lambda: api("GET", "/api/v1/subscriptions")["data"])
    # Support hears of the service in its own time, and until then there is no service to write about.
    ticket = {"subject": f"About {name}", "body": "It is slow.", "service_id": service["id"]}
    steps.wait_for("a ticket", lambda: person.send("POST", "/api/v1/tickets", ticket).status == 201)
    return person


@contextmanager
def suspended(person: Person) -> Iterator[None]:
    """While it lasts, the person's account is suspended by staff."""
    staff = Api(person.api.url)
    staff.token = staff("POST", "/api/v1/sessions", {"email": STAFF.email, "password": STAFF.password})["token"]
    account = f"/api/v1/staff/accounts/{person.api('GET', '/api/v1/me')['account']['id']}"
    before = person.api("GET", "/api/v1/me")["permissions"]
    staff("POST", f"{account}/suspend", {"reason": "to see what is left"})
    try:
        # For a moment the gateway remembers what it knew of the session.
        steps.wait_for("the suspension", lambda: person.api("GET", "/api/v1/me")["permissions"] != before)
        yield
    finally:
        staff("POST", f"{account}/restore", {"reason": "that was all"})
        steps.wait_for("the end of it", lambda: person.api("GET", "/api/v1/me")["permissions"] == before)
