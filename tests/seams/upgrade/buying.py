"""What a customer of the old instance does, over its public API; what it leads to is noted for the manifest."""

import json
import re
import secrets
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from ez import demo
from ez.seeding import STAFF
from tests.support.embedded import Embedded


def waited(what: str, probe: Any) -> Any:
    """What the probe returns at last. Raises DemoFailed."""
    return demo.wait_for(what, probe, 240)


@dataclass
class Customer:
    """Somebody with a confirmed address; `orders` says by name what was ordered."""

    embedded: Embedded
    name: str
    email: str
    password: str
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.api = demo.Api(self.embedded.url)

    @classmethod
    def signed_up(cls, embedded: Embedded, name: str, email: str) -> "Customer":
        """A new customer who followed the link in the mail."""
        customer = cls(embedded, name, email, f"{secrets.token_hex(8)}-harbour")
        body = {"email": email, "password": customer.password, "name": name}
        customer.api("POST", "/api/v1/users", body)
        mail = waited("the confirmation mail", lambda: embedded.mails(email))[0]
        token = re.search(r"/verify\?token=([\w%.~-]+)", mail["text"])
        assert token is not None
        customer.api("POST", "/api/v1/users/verify", {"token": urllib.parse.unquote(token[1])})
        customer.sign_in()
        return customer

    def sign_in(self) -> None:
        """Begins a session."""
        login = {"email": self.email, "password": self.password}
        self.api.token = self.api("POST", "/api/v1/sessions", login)["token"]

    def order(self, name: str, **item: Any) -> str:
        """Places an order known as `name` and returns its id; `item` differs from one small server by the month."""
        currency = item.pop("currency", "EUR")
        line = {"plan": "vps-s", "interval": "month", "quantity": 1, "hostname": f"{name}.example"} | item
        body, key = {"currency": currency, "items": [line]}, secrets.token_hex(16)
        answer = self.api("POST", "/api/v1/orders", body, key=key)
        # As text: a key belongs to the bytes of its request, so the order of the members counts.
        self.orders[name] = {"id": answer["id"], "body": json.dumps(body), "key": key, "answer": answer}
        return str(answer["id"])

    def page(self, name: str) -> str:
        """The address of the page where the order is paid."""
        path = f"/api/v1/orders/{self.orders[name]['id']}/checkout"
        url: str = waited("the payment page", lambda: self.api("POST", path))["url"]
        self.orders[name]["page"] = url
        return url

    def pay(self, name: str, **charge: Any) -> None:
        """Pays the order on its page, with the usual card unless told otherwise."""
        session = self.page(name).rsplit("/", 1)[-1]
        self.embedded.stripe("POST", f"/_sandbox/checkout/{session}/pay", {"outcome": "success"} | charge)

    def buy(self, name: str, **item: Any) -> str:
        """Orders and pays."""
        order_id = self.order(name, **item)
        self.pay(name)
        return order_id

    def until(self, name: str, status: str) -> None:
        """Waits until the order has this status."""
        path = f"/api/v1/orders/{self.orders[name]['id']}"
        waited(f"{name} {status}", lambda: self.api("GET", path)["status"] == status)

    def services(self, name: str) -> list[dict[str, Any]]:
        """The services of an order."""
        found: list[dict[str, Any]] = self.api("GET", f"/api/v1/services?order_id={self.orders[name]['id']}")["data"]
        return found


def staff(embedded: Embedded) -> demo.Api:
    """The API as the seeded member of staff calls it."""
    api = demo.Api(embedded.url)
    login = {"email": STAFF.email, "password": STAFF.password}
    api.token = api("POST", "/api/v1/sessions", login)["token"]
    return api


def job_of(api: demo.Api, order_id: str) -> dict[str, Any] | None:
    """The job that delivers the order, as staff see it; None before there is one."""
    for job in api("GET", "/api/v1/staff/jobs?limit=100")["data"]:
        if api("GET", f"/api/v1/staff/jobs/{job['id']}")["order_id"] == order_id:
            return dict(job)
    return None
