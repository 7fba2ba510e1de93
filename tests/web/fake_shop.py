"""The fake catalog and provisioning services, as customers see them."""

from typing import Any

from pydantic import BaseModel

from gateway.web.upstream import Answer
from shared.contracts.reads.base import Page
from shared.contracts.reads.catalog import (
    CheckoutView,
    OrderDetail,
    OrderView,
    PlanList,
    PlanView,
    QuoteLine,
    QuoteView,
)
from shared.contracts.reads.provisioning import PowerAccepted, SecretView, ServiceDetail
from tests.web.fake_data import World, entry, money, new_id, now, renewals
from tests.web.fake_delivery import progress
from tests.web.fake_routing import NOT_FOUND, Ask, find, matching, mine, one, page, problem, route


@route("GET", "/plans", PlanList)
def list_plans(ask: Ask) -> BaseModel:
    return PlanList(data=ask.world.plans)


@route("GET", "/plans/([^/]+)", PlanView)
def one_plan(ask: Ask) -> Any:
    return next((plan for plan in ask.world.plans if plan.code == ask.path[0]), None) or NOT_FOUND


def wrong(world: World, order: dict[str, Any]) -> Answer | None:
    """What the catalogue would refuse: the same for a quote and for an order."""
    errors = {}
    for index, item in enumerate(order["items"]):
        plan = next(one for one in world.plans if one.code == item["plan"])
        at = f"/items/{index}"
        quantity = item.get("quantity", 1)
        if not isinstance(quantity, int) or not 1 <= quantity <= plan.max_quantity:
            errors[f"{at}/quantity"] = f"Choose between 1 and {plan.max_quantity}."
        chosen = item.get("configuration", {})
        if " " in chosen.get("hostname", ""):
            errors[f"{at}/configuration/hostname"] = "Use letters, digits, dots and hyphens, like web-1.example.com."
        for number, key in enumerate(chosen.get("ssh_keys", [])):
            if not key.startswith("ssh-"):
                errors[f"{at}/configuration/ssh_keys/{number}"] = "That is not a public key."
        for field in plan.fields:
            if field.required and not chosen.get(field.key):
                errors[f"{at}/configuration/{field.key}"] = f"{field.label} is missing."
    return problem(422, "validation-failed", "Some fields are not right.", errors) if errors else None


@route("POST", "/quotes", QuoteView)
def quote(ask: Ask) -> Any:
    refused = wrong(ask.world, ask.json)
    if refused:
        return refused
    currency = ask.json["currency"]
    items = [
        ask.world.item(
            one["plan"], interval=one["interval"], currency=currency, quantity=one["quantity"],
            configuration=one["configuration"],
        )
        for one in ask.json["items"]
    ]  # fmt: skip
    lines = [QuoteLine.model_validate(item.model_dump()) for item in items]
    due = money(sum(item.total.amount_minor for item in items), currency)
    return QuoteView(currency=currency, lines=lines, due_now=due, renewals=renewals(items), warnings=ask.world.warnings)


@route("POST", "/orders", OrderView, status=201)
def place_order(ask: Ask) -> Any:
    key = ask.headers["Idempotency-Key"]
    known = find(ask.world.orders, ask.world.order_keys.get(key, ""))
    refused = wrong(ask.world, ask.json)
    if known or refused:
        return known or refused
    wanted = ask.json["items"][0]
    order = ask.world.order(
        ask.account, "awaiting_payment", wanted["plan"], interval=wanted["interval"], currency=ask.json["currency"],
        quantity=wanted["quantity"], configuration=wanted["configuration"], created_at=now(),
    )  # fmt: skip
    order.timeline.append(entry(None, "Payment", "Waiting for you", "waiting"))
    ask.world.order_keys[key] = order.id
    return order


@route("GET", "/orders", Page[OrderView])
def list_orders(ask: Ask) -> BaseModel:
    return page(ask, mine(ask, ask.world.orders))


@route("GET", "/orders/([^/]+)", OrderDetail)
def one_order(ask: Ask) -> Any:
    progress(ask.world)
    return one(ask.world.orders, ask.path[0], ask.account)


@route("POST", "/orders/([^/]+)/checkout", CheckoutView)
def checkout(ask: Ask) -> Any:
    if "billing" in ask.world.away:
        return problem(503, "checkout-unavailable", "Checkout is not available right now.", retry_after="30")
    order = find(ask.world.orders, ask.path[0], ask.account)
    if order is None:
        return NOT_FOUND
    if order.status != "awaiting_payment":
        return problem(409, "order-not-payable", "This order cannot be paid.")
    return CheckoutView(url=f"{ask.world.checkout_origin}/pay/{order.id}", expires_at=order.expires_at)


@route("POST", "/orders/([^/]+)/cancel", OrderView)
def cancel(ask: Ask) -> Any:
    order = find(ask.world.orders, ask.path[0], ask.account)
    if order is None:
        return NOT_FOUND
    if order.status != "awaiting_payment":
        return problem(409, "order-not-cancelable", "This order cannot be canceled.")
    order.status = "canceled"
    order.timeline = [
        *(step for step in order.timeline if step.state != "waiting"),
        entry(now(), "Canceled by you"),
    ]
    return order


@route("GET", "/services", Page[ServiceDetail])
def list_services(ask: Ask) -> BaseModel:
    progress(ask.world)
    rows = matching(ask, mine(ask, ask.world.services), "order_id")
    if "order_id" in ask.params:  # all of one order, whatever their number
        return page(Ask(ask.world, {}, {"limit": "1000"}, ask.visitor, {}), rows)
    return page(ask, rows)


@route("GET", "/services/([^/]+)", ServiceDetail)
def one_service(ask: Ask) -> Any:
    progress(ask.world)
    return one(ask.world.services, ask.path[0], ask.account)


@route("POST", "/services/([^/]+)/(?:power|actions/([^/]+))", PowerAccepted, status=202)
def act(ask: Ask) -> Any:
    service = find(ask.world.services, ask.path[0], ask.account)
    if service is None:
        return NOT_FOUND
    wanted = ask.path[1] or ask.json["action"]
    if service.pending_action:
        return problem(409, "action-in-progress", "Another action is running.")
    if wanted not in {action.name for action in service.actions}:
        return problem(409, "service-not-active", "This cannot be done now.")
    service.pending_action, service.state = wanted, "working"
    return PowerAccepted(job_id=new_id("job"))


@route("POST", "/services/([^/]+)/secret", SecretView, fresh=True)
def secret(ask: Ask) -> Any:
    service = find(ask.world.services, ask.path[0], ask.account)
    if service is None:
        return NOT_FOUND
    if service.secret is None:
        return problem(410, "gone", "It was shown already.")
    shown, service.secret = service.secret, None
    if service.access:
        service.access.password_waiting = False
    return SecretView(value=shown)
