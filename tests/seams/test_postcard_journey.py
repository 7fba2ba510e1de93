"""A product type that is no part of the product, on a running instance: sold, delivered, shown, suspended and ended.

One setting registers it. Everything else is what a customer, a member of staff and their browsers do anyway.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import httpx
import pytest

from ez.demo import Api, steps
from ez.seeding import STAFF
from tests.support.embedded import ROOT, Embedded, running

SOURCES = ("services", "gateway", "shared", "ez")

PLAN = "Classic postcard"
RECIPIENT = "Ada Lovelace"
CARD = {"recipient": RECIPIENT, "text": "Greetings\nfrom the engine", "motif": "lighthouse"}
ITEM: dict[str, Any] = {"plan": "postcard-classic", "interval": "month", "configuration": CARD}
CHOSEN = {"Recipient": RECIPIENT, "Text": CARD["text"], "Motif": "A lighthouse"}
PRINTER = {
    "name": "printer-1",
    "kind": "toy-printer",
    "product_types": ["postcard"],
    "endpoint": "toy://cellar",
    "secret_ref": "env:PROVISIONING_PROXMOX_TOKEN",
    "reason": "We print now",
}
# What staff decide, the state it leads to, its word on the pages, and how the mail about it is called.
DECISIONS = (
    ("suspend", "suspended", "Suspended", "is suspended"),
    ("resume", "running", "Running", "runs again"),
    ("end", "ended", "Ended", "has ended"),
)


class Person:
    """Somebody with a program and a browser, both signed in."""

    def __init__(self, instance: Embedded, email: str = "", password: str = "") -> None:
        self.api = Api(instance.url)
        if email:
            self.api.token = self.api("POST", "/api/v1/sessions", {"email": email, "password": password})["token"]
        else:
            email = steps.sign_up(self.api)
        self.email, self.instance = email, instance
        self.browser = httpx.Client(base_url=instance.url, cookies={"ez_session": self.api.token}, timeout=30)

    def sees(self, path: str, *words: str) -> str:
        """Opens a page that says all of this; returns what it says."""
        page = self.browser.get(path)
        assert page.status_code == 200, f"{path} answered {page.status_code}"
        return _said(page, *words)

    def hears(self, subject: str, *words: str) -> None:
        """Waits for a mail whose subject says this; it says all of that."""

        def came() -> str | None:
            mails = self.instance.mails(self.email)
            return next((mail["text"] for mail in mails if subject in mail["subject"]), None)

        text = steps.wait_for(f"the mail {subject}", came)
        assert [word for word in words if word not in text] == []

    def sends(self, page: str, action: str, form: dict[str, str]) -> httpx.Response:
        """Sends a form of a page, with the token that only our own pages hold."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.browser.get(page).text)
        assert token is not None
        return self.browser.post(action, data={"csrf_token": token[1], **form})


def _said(page: httpx.Response, *words: str) -> str:
    text = unescape(page.text)
    assert [word for word in words if word not in text] == [], f"not on {page.url}"
    return text


@pytest.fixture(scope="module")
def with_postcards() -> Iterator[Embedded]:
    """The product as it is shipped, with one more name in its setting."""
    with running({"EZ_PRODUCT_TYPES": "vps,tests.seams.postcard"}) as instance:
        yield instance


def _is_on_sale(customer: Person) -> None:
    plan = customer.api("GET", "/api/v1/plans/postcard-classic")
    assert (plan["unit"], plan["group"]) == ("postcard", {"code": "postcard", "name": "Postcards"})
    assert (plan["intervals"], plan["max_quantity"]) == (["month", "year"], 3)
    asked = [(field["label"], field["kind"], field["required"]) for field in plan["fields"]]
    assert asked == [("Recipient", "text", True), ("Text", "multiline", True), ("Motif", "choice", True)]
    customer.sees("/pricing", "Postcards", PLAN, "105 x 148 mm", "A stamp, and a wish")
    page = customer.sees("/buy/postcard-classic", PLAN, *CHOSEN, "A lighthouse", "A mountain")
    assert all(f'name="c_{key}"' in page for key in CARD)


def _refuses_what_nobody_can_send(customer: Person) -> None:
    bad = {**ITEM, "configuration": {**CARD, "motif": "a cat"}}
    with pytest.raises(steps.DemoFailed, match=r"answered 422.*/items/0/configuration/motif"):
        customer.api("POST", "/api/v1/orders", {"currency": "EUR", "items": [bad]}, key="a-cat-on-a-card")
    form = {"currency": "EUR", "interval": "month"} | {f"c_{key}": value for key, value in CARD.items()}
    page, quote = "/buy/postcard-classic", "/buy/postcard-classic/quote"
    refused = customer.sends(page, quote, form | {"c_motif": "a cat"})
    assert refused.status_code == 422
    _said(refused, 'id="c_motif-error"')
    assert customer.sends(page, quote, form).status_code == 200


def _is_bought(customer: Person) -> dict[str, Any]:
    quote = customer.api("POST", "/api/v1/quotes", {"currency": "EUR", "items": [ITEM]})
    assert (quote["lines"][0]["name"], quote["due_now"]["amount_minor"]) == (RECIPIENT, 300)
    order = steps.order(customer.api, [ITEM])
    customer.sees(f"/orders/{order['id']}", PLAN, RECIPIENT, *CHOSEN, *CHOSEN.values(), "€3.00")
    steps.pay(customer.api, order["id"])
    return order


def _is_shown_to_its_buyer(customer: Person, order: dict[str, Any], service: dict[str, Any]) -> None:
    assert (service["product_type"], service["name"], service["address"]) == ("postcard", RECIPIENT, RECIPIENT)
    customer.sees(f"/orders/{order['id']}", PLAN, *CHOSEN, *CHOSEN.values(), "Fulfilled exactly once")
    customer.sees("/orders", order["number"], PLAN, RECIPIENT)
    customer.sees(f"/tickets/new?service={service['id']}", RECIPIENT)
    for path in ("/services", "/dashboard"):
        customer.sees(path, PLAN, RECIPIENT, "Running", f"/services/{service['id']}")
    told = ("Choosing a card", "Printing your card", "Stamp it", "<dt>To</dt>")
    customer.sees(f"/services/{service['id']}", PLAN, RECIPIENT, "Running", *told)
    customer.hears(f"{RECIPIENT} is ready", PLAN, f"To:  {RECIPIENT}")
    assert PLAN in str(customer.instance.stripe("GET", "/v1/invoices"))


def _is_shown_to_staff(staff: Person, order: dict[str, Any], service: dict[str, Any]) -> None:
    staff.sees(f"/console/orders/{order['id']}", order["number"], PLAN, *CHOSEN, *CHOSEN.values())
    console = staff.sees(f"/console/services/{service['id']}", PLAN, RECIPIENT, "printer-1", "card-100", "<dt>To</dt>")
    staff.sees("/console/services", RECIPIENT, PLAN)
    staff.sees("/console/orders", order["number"], PLAN, RECIPIENT)
    [plan] = [one for one in staff.api("GET", "/api/v1/staff/plans?limit=100")["data"] if one["name"] == PLAN]
    staff.sees("/console/plans", PLAN)
    staff.sees(f"/console/plans/{plan['id']}", PLAN, "€3.00")
    staff.sees("/console/providers", "printer-1")
    staff.sees(f"/console/provisioning?q={service['id']}", RECIPIENT, "Done")
    job = re.search(r"/console/provisioning/[\w-]+", console)
    assert job is not None
    staff.sees(job[0], RECIPIENT, "Choosing a card", "Printing your card")


def _is_stamped_by_its_owner(customer: Person, service: dict[str, Any]) -> None:
    page = f"/services/{service['id']}"
    assert customer.sends(page, f"{page}/actions/stamp", {"action": "stamp"}).status_code == 303

    def stamped() -> bool:
        found = customer.api("GET", f"/api/v1{page}?include=timeline")
        return "Stamped" in [line["title"] for line in found["timeline"]]

    steps.wait_for("the stamp", stamped)
    customer.sees(page, "Stamped")


def _is_decided(staff: Person, customer: Person, service: dict[str, Any]) -> None:
    page, console = f"/services/{service['id']}", f"/console/services/{service['id']}"
    for verb, state, word, told in DECISIONS:
        asked = staff.sends(console, f"{console}/right/{verb}", {"reason": f"To {verb} it"})
        assert asked.status_code == 303

        def reached(wanted: str = state) -> bool:
            found = customer.api("GET", f"/api/v1{page}")
            return found["state"] == wanted and not found["pending_action"]

        steps.wait_for(f"the card to be {state}", reached)
        for path in (page, "/services"):
            customer.sees(path, RECIPIENT, word)
        staff.sees(console, RECIPIENT, word)
        customer.hears(f"{RECIPIENT} {told}", page)


def test_a_postcard_is_sold_delivered_shown_suspended_and_ended(with_postcards: Embedded) -> None:
    staff, customer = Person(with_postcards, STAFF.email, STAFF.password), Person(with_postcards)
    staff.api("POST", "/api/v1/staff/providers", PRINTER)
    _is_on_sale(customer)
    _refuses_what_nobody_can_send(customer)
    order = _is_bought(customer)
    [service] = steps.delivered(customer.api, order["id"])
    _is_shown_to_its_buyer(customer, order, service)
    _is_shown_to_staff(staff, order, service)
    _is_stamped_by_its_owner(customer, service)
    _is_decided(staff, customer, service)
    assert "Traceback" not in with_postcards.output.read_text()


def test_nothing_of_the_product_has_heard_of_postcards() -> None:
    mentions = [
        str(path.relative_to(ROOT))
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        if "postcard" in path.read_text(errors="ignore").lower()
    ]
    assert mentions == []
