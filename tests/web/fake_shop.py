"""The fake catalog, provisioning and billing services, as customers see them."""

from datetime import UTC, datetime

from gateway.web.upstream import Answer
from tests.web.fake_data import entry, new_id, stamp
from tests.web.fake_delivery import progress, timeline_of
from tests.web.fake_routing import NOT_FOUND, Ask, find, matching, mine, one, page, problem, route, shown


@route("GET", "/plans")
def list_plans(ask: Ask) -> Answer:
    return Answer(200, {"data": ask.world.plans})


@route("GET", "/plans/([^/]+)")
def one_plan(ask: Ask) -> Answer:
    found = next((plan for plan in ask.world.plans if plan["code"] == ask.path[0]), None)
    return Answer(200, found) if found else NOT_FOUND


@route("POST", "/orders")
def place_order(ask: Ask) -> Answer:
    key = ask.headers["Idempotency-Key"]
    known = find(ask.world.orders, ask.world.order_keys.get(key, ""))
    if known:
        return Answer(201, shown(known))
    item = ask.json["items"][0]
    errors = {}
    hostname = item.get("hostname", "vps-k3n9xw")
    if " " in hostname or not hostname:
        errors["/items/0/hostname"] = "Use letters, digits, dots and hyphens, like web-1.example.com."
    if not isinstance(item.get("quantity", 1), int) or not 1 <= item.get("quantity", 1) <= 10:
        errors["/items/0/quantity"] = "Choose between 1 and 10."
    if errors:
        return problem(422, "validation-failed", "Some fields are not right.", errors)
    order = ask.world.order(
        ask.account or "", "awaiting_payment", item["plan"], interval=item["interval"], hostname=hostname,
        quantity=item.get("quantity", 1), template=item.get("template"), currency=ask.json["currency"],
        created_at=stamp(datetime.now(UTC)),
    )  # fmt: skip
    ask.world.steps(order, entry(None, "Payment", "Waiting for you", "waiting"))
    ask.world.order_keys[key] = order["id"]
    return Answer(201, shown(order))


@route("GET", "/orders")
def list_orders(ask: Ask) -> Answer:
    return page(ask, mine(ask, ask.world.orders))


@route("GET", "/orders/([^/]+)")
def one_order(ask: Ask) -> Answer:
    progress(ask.world)
    return one(ask.world.orders, ask.path[0], ask.account)


@route("GET", "/(?:orders|services|staff/orders)/([^/]+)/timeline")
def timeline(ask: Ask) -> Answer:
    return Answer(200, {"data": timeline_of(ask.world, ask.path[0])})


@route("POST", "/orders/([^/]+)/checkout")
def checkout(ask: Ask) -> Answer:
    if "billing" in ask.world.away:
        return problem(503, "checkout-unavailable", "Checkout is not available right now.", retry_after="30")
    order = find(ask.world.orders, ask.path[0], ask.account)
    if order is None:
        return NOT_FOUND
    if order["status"] != "awaiting_payment":
        return problem(409, "order-not-payable", "This order cannot be paid.")
    return Answer(200, {"url": f"{ask.world.checkout_origin}/pay/{order['id']}", "expires_at": order["expires_at"]})


@route("POST", "/orders/([^/]+)/cancel")
def cancel(ask: Ask) -> Answer:
    order = find(ask.world.orders, ask.path[0], ask.account)
    if order is None:
        return NOT_FOUND
    if order["status"] != "awaiting_payment":
        return problem(409, "order-not-cancelable", "This order cannot be canceled.")
    order["status"] = "canceled"
    ask.world.timelines[order["id"]] = [
        *(step for step in ask.world.timelines[order["id"]] if step["state"] != "waiting"),
        entry(stamp(datetime.now(UTC)), "Canceled by you"),
    ]
    return Answer(200, shown(order))


@route("GET", "/services")
def list_services(ask: Ask) -> Answer:
    progress(ask.world)
    return page(ask, matching(ask, mine(ask, ask.world.services), "order_id"))


@route("GET", "/services/([^/]+)")
def one_service(ask: Ask) -> Answer:
    progress(ask.world)
    return one(ask.world.services, ask.path[0], ask.account)


@route("POST", "/services/([^/]+)/power")
def power(ask: Ask) -> Answer:
    service = find(ask.world.services, ask.path[0], ask.account)
    if service is None:
        return NOT_FOUND
    if service["status"] != "active":
        return problem(409, "service-not-active", "This service is not active.")
    if service["pending_action"]:
        return problem(409, "action-in-progress", "Another action is running.")
    service["pending_action"] = ask.json["action"]
    return Answer(202, {"job_id": new_id("job")})


@route("GET", "/invoices")
def list_invoices(ask: Ask) -> Answer:
    return page(ask, mine(ask, ask.world.invoices))


@route("GET", "/invoices/([^/]+)")
def one_invoice(ask: Ask) -> Answer:
    return one(ask.world.invoices, ask.path[0], ask.account)
