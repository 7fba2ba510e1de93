"""`make demo`: one purchase over the public API alone, the way a customer's own program would do it.

Sign up → confirm the address by the caught mail → order → pay on the Stripe sandbox → wait → print the timeline.
Exits 0 only when the service is active and the hypervisor has exactly one machine for it.
"""

import argparse
import json
import os
import re
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

_PATIENCE = 90.0
_OUTAGE = 20.0


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


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def sign_up(api: Api) -> str:
    """A new customer with a confirmed address; leaves the session token in `api`."""
    email, password = f"demo-{secrets.token_hex(5)}@customers.example", secrets.token_urlsafe(18)
    api("POST", "/api/v1/users", {"email": email, "password": password, "name": "Demo Customer"})
    _say(f"signed up as {email}")
    inbox = f"{api.url}/dev/mail/api/messages?to={urllib.parse.quote(email)}"
    mail = wait_for("the confirmation mail", lambda: request("GET", inbox)["data"])[0]
    found = re.search(r"/verify\?token=([\w%.~-]+)", mail["text"])
    if found is None:
        raise DemoFailed("the confirmation mail holds no link")
    api("POST", "/api/v1/users/verify", {"token": urllib.parse.unquote(found[1])})
    _say("confirmed the address with the link from the mail")
    api.token = api("POST", "/api/v1/sessions", {"email": email, "password": password})["token"]
    return email


def buy(api: Api, plan: str) -> dict[str, Any]:
    """Places one order three times with the same key, which is one order, and pays it."""
    key = secrets.token_hex(16)
    body = {"currency": "EUR", "items": [{"plan": plan, "interval": "month", "configuration": {"hostname": "demo"}}]}
    orders = [api("POST", "/api/v1/orders", body, key=key) for _ in range(3)]
    if len({order["id"] for order in orders}) != 1:
        raise DemoFailed("the same request sent three times made more than one order")
    order: dict[str, Any] = orders[0]
    _say(f"ordered {plan}: {order['number']} (sent three times, placed once)")
    checkout = wait_for("the checkout", lambda: api("POST", f"/api/v1/orders/{order['id']}/checkout"))
    session = checkout["url"].rstrip("/").rsplit("/", 1)[-1]
    origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(checkout["url"]))
    page = urllib.parse.urlencode({"card": "4242424242424242"}).encode()
    pay = urllib.request.Request(f"{origin}/c/pay/{session}", page, method="POST")  # noqa: S310 - the sandbox's own page
    opener = urllib.request.build_opener(_StayHere())
    try:
        opener.open(pay, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code not in (302, 303):
            raise DemoFailed(f"paying on {origin} answered {error.code}") from error
    _say("paid on the Stripe sandbox's checkout page")
    return order


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: Any) -> None:
        """Following the redirect back to the site is the browser's part."""


def show(entries: list[dict[str, Any]]) -> None:
    """Prints a timeline, each line with its time."""
    for entry in sorted(entries, key=lambda item: str(item["at"])):
        detail = f" · {entry['detail']}" if entry.get("detail") else ""
        print(f"    {str(entry['at'])[11:23]}  {entry['title']}{detail}")


def machines_of(hypervisor: str, token: str, service_id: str) -> int:
    """How many machines at the hypervisor carry the service's reference."""
    headers = {"Authorization": f"PVEAPIToken={token}"}
    machines = request("GET", f"{hypervisor}/_sandbox/machines", headers=headers)["data"]
    return sum(service_id in json.dumps(machine) for machine in machines)


def run(url: str, plan: str, hypervisor: str, token: str) -> None:
    """The whole purchase. Raises DemoFailed."""
    started = time.monotonic()
    api = Api(url)
    print("Buying a VPS over the public API")
    email = sign_up(api)
    order = buy(api, plan)
    paid = time.monotonic()
    path = f"/api/v1/orders/{order['id']}"
    order = wait_for("the order to be fulfilled", lambda: _fulfilled(api(("GET"), path)))
    active = time.monotonic()
    services = api("GET", f"/api/v1/services?order_id={order['id']}")["data"]
    if [service["status"] for service in services] != ["active"]:
        raise DemoFailed(f"expected one active service, found {[service['status'] for service in services]}")
    service = services[0]
    print(f"\n  Timeline of {order['number']}")
    entries = api("GET", f"{path}/timeline")["data"] + api("GET", f"/api/v1/services/{service['id']}/timeline")["data"]
    show([entry for entry in entries if entry["state"] == "done"])
    inbox = f"{api.url}/dev/mail/api/messages?to={urllib.parse.quote(email)}"
    welcome = wait_for(
        "the welcome mail", lambda: [m for m in request("GET", inbox)["data"] if service["name"] in m["subject"]]
    )
    count = machines_of(hypervisor, token, service["id"])
    print(f"\n  {service['name']} is {service['status']} at {service['address']}")
    print(f"  machines at the hypervisor: {count} · welcome mails: {len(welcome)}")
    print(f"  paid → active {active - paid:.1f} s · whole demo {time.monotonic() - started:.1f} s")
    if count != 1 or len(welcome) != 1:
        raise DemoFailed("exactly one machine and one welcome mail were promised")


def _fulfilled(order: dict[str, Any]) -> dict[str, Any] | None:
    if order["status"] in ("canceled", "expired", "under_review"):
        raise DemoFailed(f"the order is {order['status']}")
    return order if order["status"] == "fulfilled" else None


def main() -> int:
    """Command line of the demo; the exit code says whether every promise held."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--plan", default="vps-s")
    parser.add_argument("--home", type=Path, default=Path(".ez"), help="the running instance's data directory")
    chosen = parser.parse_args()
    parts = urllib.parse.urlsplit(chosen.url)
    hypervisor = os.environ.get("DEMO_HYPERVISOR_URL", f"http://{parts.hostname}:{(parts.port or 80) + 11}")
    token = os.environ.get("DEMO_HYPERVISOR_TOKEN", "")
    secrets_file = chosen.home / "secrets.json"
    if not token and secrets_file.exists():
        token = "ez@pve!provisioning=" + json.loads(secrets_file.read_text())["hypervisor_token"]
    try:
        run(chosen.url, chosen.plan, hypervisor, token)
    except (DemoFailed, Away) as error:
        print(f"\n  The demo failed: {error}", file=sys.stderr)
        return 1
    print("\n  Every promise held.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
