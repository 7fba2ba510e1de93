"""What every demo is made of: the public API as a customer's own program sees it, and the sandboxes beside it."""

import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

_PATIENCE = 90.0
_OUTAGE = 60.0
# A worker that dies on the way leaves its job to the next until its lease of 15 s has passed; it may die at every step.
_FULFILMENT = 180.0


class DemoFailed(Exception):
    """A step did not go as promised; the message says which and how."""


class Api:
    """The public API as a customer's program sees it."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.token = ""

    def __call__(self, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
        """One request; returns the decoded JSON. Raises DemoFailed with the problem for any error status."""
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        return patiently(method, self.url + path, body, headers)


class Away(Exception):
    """The server, or something behind it, does not answer right now."""


def patiently(method: str, url: str, body: Any, headers: dict[str, str]) -> Any:
    """One request, sent again while the answer is 503 or there is none: with the same key it cannot happen twice."""
    deadline = time.monotonic() + _OUTAGE
    while True:
        try:
            return request(method, url, body, headers)
        except Away as error:
            if time.monotonic() > deadline:
                raise DemoFailed(str(error)) from error
            time.sleep(0.5)


def request(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """One JSON request. Raises Away for what passes (no answer, 503, prices not yet at Stripe), else DemoFailed."""
    data = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})} if data else dict(headers or {})
    call = urllib.request.Request(url, data, sent, method=method)  # noqa: S310 - the address is given by the user
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:  # noqa: S310
            raw = answer.read()
    except urllib.error.HTTPError as error:
        told = f"{method} {url} answered {error.code}: {error.read().decode(errors='replace')}"
        passing = error.code == 503 or "problems/plan-not-ready" in told
        raise (Away(told) if passing else DemoFailed(told)) from error
    except OSError as error:
        raise Away(f"{url} does not answer ({error}). Is `make up` running? Did it use another PORT?") from error
    return json.loads(raw) if raw else None


def wait_for(what: str, probe: Any, patience: float = _PATIENCE) -> Any:
    """Calls `probe` until it returns something truthy."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.2)
    raise DemoFailed(f"{what}: not within {patience:.0f} s")


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def sign_up(api: Api) -> str:
    """A new customer with a confirmed address; leaves the session token in `api`."""
    email, password = f"demo-{secrets.token_hex(5)}@customers.example", secrets.token_urlsafe(18)
    api("POST", "/api/v1/users", {"email": email, "password": password, "name": "Demo Customer"})
    say(f"signed up as {email}")
    inbox = f"{api.url}/dev/mail/api/messages?to={urllib.parse.quote(email)}"
    mail = wait_for("the confirmation mail", lambda: request("GET", inbox)["data"])[0]
    found = re.search(r"/verify\?token=([\w%.~-]+)", mail["text"])
    if found is None:
        raise DemoFailed("the confirmation mail holds no link")
    api("POST", "/api/v1/users/verify", {"token": urllib.parse.unquote(found[1])})
    say("confirmed the address with the link from the mail")
    api.token = api("POST", "/api/v1/sessions", {"email": email, "password": password})["token"]
    return email


def order(api: Api, items: list[dict[str, Any]]) -> dict[str, Any]:
    """Places one order three times with the same key, which is one order."""
    key = secrets.token_hex(16)
    placed = [api("POST", "/api/v1/orders", {"currency": "EUR", "items": items}, key=key) for _ in range(3)]
    if len({one["id"] for one in placed}) != 1:
        raise DemoFailed("the same request sent three times made more than one order")
    say(f"ordered {', '.join(item['plan'] for item in items)}: {placed[0]['number']} (sent three times, placed once)")
    return dict(placed[0])


def pay(api: Api, order_id: str) -> None:
    """Pays on the page that Checkout shows, as a browser would."""
    checkout = wait_for("the checkout", lambda: api("POST", f"/api/v1/orders/{order_id}/checkout"))
    session = checkout["url"].rstrip("/").rsplit("/", 1)[-1]
    origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(checkout["url"]))
    page = urllib.parse.urlencode({"card": "4242424242424242"}).encode()
    form = urllib.request.Request(f"{origin}/c/pay/{session}", page, method="POST")  # noqa: S310 - the sandbox's own page
    opener = urllib.request.build_opener(_NoRedirects())
    try:
        opener.open(form, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code not in (302, 303):
            raise DemoFailed(f"paying on {origin} answered {error.code}") from error
    say("paid on the Stripe sandbox's checkout page")


def services_of(api: Api, order_id: str) -> list[dict[str, Any]]:
    """The services of an order."""
    return list(api("GET", f"/api/v1/services?order_id={order_id}&limit=100")["data"])


def delivered(api: Api, order_id: str) -> list[dict[str, Any]]:
    """Waits until everything of an order runs; returns its services."""
    wait_for("the order to be fulfilled", lambda: fulfilled(api("GET", f"/api/v1/orders/{order_id}")), _FULFILMENT)
    services = services_of(api, order_id)
    states = [service["status"] for service in services]
    if set(states) != {"active"}:
        raise DemoFailed(f"expected only active services, found {states}")
    return services


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        """Following the redirect back to the site is the browser's part."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a demo runs: the site's address, the hypervisor's and its token."""

    url: str
    hypervisor: str
    token: str

    def machines_of(self, service_id: str) -> list[dict[str, Any]]:
        """The machines at the hypervisor that carry the service's reference."""
        headers = {"Authorization": f"PVEAPIToken={self.token}"}
        machines = request("GET", f"{self.hypervisor}/_sandbox/machines", headers=headers)["data"]
        return [machine for machine in machines if service_id in json.dumps(machine)]

    def lets_in(self, vmid: int, public_key: str) -> bool:
        """Whether the machine would let somebody in as root who holds this key."""
        headers = {"Authorization": f"PVEAPIToken={self.token}"}
        order = {"vmid": vmid, "user": "root", "key": public_key}
        answer = request("POST", f"{self.hypervisor}/_sandbox/sign-in", order, headers)
        return bool(answer["data"]["entered"])

    def mails(self, recipient: str) -> list[dict[str, Any]]:
        """What was sent to an address, the newest first."""
        inbox = f"{self.url.rstrip('/')}/dev/mail/api/messages?to={urllib.parse.quote(recipient)}"
        return list(request("GET", inbox)["data"])


def show(entries: list[dict[str, Any]]) -> None:
    """Prints a timeline, each line with its time."""
    for entry in sorted(entries, key=lambda item: str(item["at"])):
        detail = f" · {entry['detail']}" if entry.get("detail") else ""
        print(f"    {str(entry['at'])[11:23]}  {entry['title']}{detail}")


def fulfilled(order: dict[str, Any]) -> dict[str, Any] | None:
    if order["status"] in ("canceled", "expired", "under_review"):
        raise DemoFailed(f"the order is {order['status']}")
    return order if order["status"] == "fulfilled" else None
