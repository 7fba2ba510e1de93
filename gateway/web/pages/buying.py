"""Configure and buy: from a plan to Stripe Checkout in one form."""

import hashlib
import json
import re
import uuid
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from gateway.web.formatting import price_for
from gateway.web.forms import NO_ERRORS, FormErrors, form_errors
from gateway.web.pages.plans import Plan, chosen_currency, chosen_interval, currencies
from gateway.web.pages.route import get, post
from gateway.web.safe_next import with_next
from gateway.web.upstream import UpstreamAway
from gateway.web.visit import Visit

_FIELDS = ("currency", "interval", "quantity", "hostname", "template")
# The currency is no field a visitor sees, so what is wrong with it goes above the form.
_KNOWN = frozenset(_FIELDS) - {"currency"}
_MINTED_KEY = re.compile(r"[0-9a-f]{32}")


async def configure(visit: Visit) -> Response:
    plan = await _open_plan(visit)
    return _form(visit, plan, dict(visit.query), NO_ERRORS)


async def buy(visit: Visit) -> Response:
    plan = await _open_plan(visit)
    chosen = {name: visit.form[name].strip() for name in _FIELDS if name in visit.form}
    if visit.visitor is None:
        return visit.redirect(with_next("/sign-in", f"/buy/{plan['code']}?{urlencode(chosen)}"), "almost-there")
    body = _order_body(plan, chosen)
    answer = await visit.call(
        "catalog", "POST", "/api/v1/orders", json=body, headers={"Idempotency-Key": _key(visit.form, body)}
    )
    if answer.status in {400, 409, 422, 429}:
        return _form(visit, plan, chosen, form_errors(answer, _KNOWN, {"plan": "interval"}), answer.status)
    order = visit.require("catalog", answer).data
    return await to_checkout(visit, order["id"])


async def to_checkout(visit: Visit, order_id: str) -> Response:
    """On to Stripe Checkout, or to the order's page, which offers the payment again."""
    order_page = f"/orders/{order_id}"
    try:
        answer = await visit.call("catalog", "POST", f"/api/v1/orders/{order_id}/checkout")
    except UpstreamAway:
        return visit.redirect(order_page, "checkout-away")
    if answer.status == 409:
        return visit.redirect(order_page, "not-payable")
    if not answer.ok:
        return visit.redirect(order_page, "checkout-away")
    url = str(answer.data["url"])
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" != visit.site.settings.checkout_origin:
        # Never lead a customer with a card in hand to a place nobody configured.
        return visit.redirect(order_page, "checkout-away")
    return RedirectResponse(url, status_code=303)


async def _open_plan(visit: Visit) -> Plan:
    code = visit.path("plan_code")
    plan: Plan = await visit.read("catalog", f"/api/v1/plans/{code}")
    if plan["availability"] != "open":
        raise HTTPException(404)
    return plan


def _form(visit: Visit, plan: Plan, values: dict[str, str], errors: FormErrors, status: int = 200) -> Response:
    offered = currencies([plan])
    asked = values.get("currency", "").upper()
    currency = asked if asked in offered else chosen_currency(visit, offered)
    interval = chosen_interval(values.get("interval"))
    intervals = [name for name in ("month", "year") if price_for(plan, currency, name)]
    return visit.render(
        "buying/configure.html",
        status,
        plan=plan,
        values=values,
        errors=errors,
        currency=currency,
        currencies=offered,
        intervals=intervals,
        interval=interval if interval in intervals else intervals[0],
        idempotency_key=uuid.uuid4().hex,
    )


def _order_body(plan: Plan, chosen: dict[str, str]) -> dict[str, Any]:
    item: dict[str, Any] = {"plan": plan["code"], "interval": chosen.get("interval", "month")}
    quantity = chosen.get("quantity", "")
    if quantity:
        # What is not a number is sent as it is: the catalogue says what is wrong with it.
        item["quantity"] = int(quantity) if quantity.isascii() and quantity.isdigit() else quantity
    for name in ("hostname", "template"):
        if chosen.get(name):
            item[name] = chosen[name]
    return {"currency": chosen.get("currency", ""), "items": [item]}


def _key(form: Any, body: dict[str, Any]) -> str:
    """One key per rendered form and content: eight clicks are one order, an edited form is another."""
    minted = str(form.get("idempotency_key", ""))
    if not _MINTED_KEY.fullmatch(minted):
        raise HTTPException(400)
    content = json.dumps(body, sort_keys=True).encode()
    return f"{minted}-{hashlib.sha256(content).hexdigest()[:16]}"


ROUTES = (
    get("/buy/{plan_code}", configure, "public"),
    post("/buy/{plan_code}", buy, "public"),
)
