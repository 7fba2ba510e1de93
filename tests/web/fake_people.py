"""The fake support service, and what every service shows to staff."""

from datetime import UTC, datetime

from gateway.web.upstream import Answer
from tests.web.fake_data import stamp
from tests.web.fake_routing import NOT_FOUND, Ask, find, matching, mine, one, page, problem, route, shown
from tests.web.fake_scenarios import message, ticket


@route("GET", "/tickets")
def list_tickets(ask: Ask) -> Answer:
    return page(ask, mine(ask, ask.world.tickets))


@route("POST", "/tickets")
def open_ticket(ask: Ask) -> Answer:
    assert ask.visitor
    errors = {}
    if len(ask.json.get("subject", "")) < 3:
        errors["/subject"] = "Give it a subject of at least three characters."
    if not ask.json.get("body"):
        errors["/body"] = "Write a message."
    if errors:
        return problem(422, "validation-failed", "Some fields are not right.", errors)
    service = find(ask.world.services, ask.json.get("service_id", ""))
    first = message("customer", ask.visitor.name, ask.json["body"], stamp(datetime.now(UTC)))
    opened = ticket(
        ask.world, ask.account or "", ask.json["subject"], "open", [first], priority=ask.json.get("priority", "normal"),
        service_id=service and service["id"], service_name=service and service["name"],
    )  # fmt: skip
    return Answer(201, shown(opened, "messages"))


@route("GET", "/tickets/([^/]+)")
def one_ticket(ask: Ask) -> Answer:
    return one(ask.world.tickets, ask.path[0], ask.account, "messages")


@route("POST", "/(staff/)?tickets/([^/]+)/messages")
def reply(ask: Ask) -> Answer:
    assert ask.visitor
    staff = ask.path[0] is not None
    found = find(ask.world.tickets, ask.path[1], None if staff else ask.account)
    if found is None:
        return NOT_FOUND
    if not ask.json.get("body"):
        return problem(422, "validation-failed", "", {"/body": "Write a message."})
    kind = "staff" if staff else "customer"
    found["messages"].append(message(kind, ask.visitor.name, ask.json["body"], stamp(datetime.now(UTC))))
    found["status"] = "answered" if staff else "customer_replied"
    return Answer(201, found["messages"][-1])


@route("POST", "/(?:staff/)?tickets/([^/]+)/close")
def close(ask: Ask) -> Answer:
    found = find(ask.world.tickets, ask.path[0])
    if found is None:
        return NOT_FOUND
    found["status"] = "closed"
    return Answer(200, shown(found))


@route("GET", "/staff/(orders|services|jobs|stripe-events|tickets|notifications|plans)")
def staff_list(ask: Ask) -> Answer:
    world = ask.world
    tables = {
        "orders": world.orders, "services": world.services, "jobs": world.jobs, "plans": world.plans,
        "stripe-events": world.stripe_events, "tickets": world.tickets, "notifications": world.notifications,
    }  # fmt: skip
    return page(ask, matching(ask, tables[ask.path[0]], "status", "state", "type"), "account_id")


@route("GET", "/staff/(orders|services|jobs|stripe-events|tickets)/([^/]+)")
def staff_one(ask: Ask) -> Answer:
    world = ask.world
    tables = {
        "orders": world.orders, "services": world.services, "jobs": world.jobs,
        "stripe-events": world.stripe_events, "tickets": world.tickets,
    }  # fmt: skip
    return one(tables[ask.path[0]], ask.path[1], None, "account_id", "payload", "steps", "messages")


@route("POST", "/staff/(jobs|stripe-events|plans)/([^/]+)/(retry|replay|publish)")
def staff_act(ask: Ask) -> Answer:
    rows = {"jobs": ask.world.jobs, "stripe-events": ask.world.stripe_events, "plans": ask.world.plans}[ask.path[0]]
    row = find(rows, ask.path[1])
    if row is None:
        return NOT_FOUND
    row["state"] = "ready"
    return Answer(202, None)


@route("POST", "/staff/orders/([^/]+)/accept-payment")
def accept_payment(ask: Ask) -> Answer:
    order = find(ask.world.orders, ask.path[0])
    if order is None:
        return NOT_FOUND
    if len(ask.json.get("reason", "")) < 3:
        return problem(422, "validation-failed", "", {"/reason": "Say why, in at least three characters."})
    order["status"] = "paid"
    return Answer(200, shown(order))


@route("GET", "/staff/dead-letters/([^/]+)")
def dead_letters(ask: Ask) -> Answer:
    return Answer(200, {"data": ask.world.letters.get(ask.path[0], [])})


@route("POST", "/staff/dead-letters/([^/]+)/([^/]+)/([^/]+)/replay")
def replay_letter(ask: Ask) -> Answer:
    service, _, letter_id = ask.path
    rows = ask.world.letters.get(service, [])
    if find(rows, letter_id) is None:
        return NOT_FOUND
    ask.world.letters[service] = [row for row in rows if row["id"] != letter_id]
    return Answer(202, None)
