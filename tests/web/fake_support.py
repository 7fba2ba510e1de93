"""The fake support service, for customers and for staff."""

from typing import Any

from pydantic import BaseModel

from shared.contracts.reads.common import Page
from shared.contracts.reads.support import (
    MessageView,
    NotificationView,
    StaffTicketDetail,
    StaffTicketView,
    SupportOverview,
    TicketDetail,
    TicketView,
)
from tests.web.fake_data import now
from tests.web.fake_routing import NO_REASON, NOT_FOUND, Ask, find, matching, mine, one, page, problem, route
from tests.web.fake_scenarios import message, ticket


@route("GET", "/tickets", Page[TicketView])
def list_tickets(ask: Ask) -> BaseModel:
    return page(ask, mine(ask, ask.world.tickets))


@route("POST", "/tickets", TicketDetail, status=201)
def open_ticket(ask: Ask) -> Any:
    assert ask.visitor
    errors = {}
    if len(ask.json.get("subject", "")) < 3:
        errors["/subject"] = "Give it a subject of at least three characters."
    if not ask.json.get("body"):
        errors["/body"] = "Write a message."
    if errors:
        return problem(422, "validation-failed", "Some fields are not right.", errors)
    service = find(ask.world.services, ask.json.get("service_id", ""))
    first = message("customer", ask.visitor.name, ask.json["body"], now())
    return ticket(
        ask.world, ask.account, ask.json["subject"], "open", [first], priority=ask.json.get("priority", "normal"),
        service_id=service and service.id, service_name=service and service.name,
    )  # fmt: skip


@route("GET", "/tickets/([^/]+)", TicketDetail)
def one_ticket(ask: Ask) -> Any:
    return one(ask.world.tickets, ask.path[0], ask.account)


@route("POST", "/(staff/)?tickets/([^/]+)/messages", MessageView, status=201)
def reply(ask: Ask) -> Any:
    assert ask.visitor
    staff = ask.path[0] is not None
    found = find(ask.world.tickets, ask.path[1], None if staff else ask.account)
    if found is None:
        return NOT_FOUND
    if not ask.json.get("body"):
        return problem(422, "validation-failed", "", {"/body": "Write a message."})
    found.messages.append(message("staff" if staff else "customer", ask.visitor.name, ask.json["body"], now()))
    found.status = "answered" if staff else "customer_replied"
    return found.messages[-1]


@route("POST", "/(?:staff/)?tickets/([^/]+)/close", TicketView)
def close(ask: Ask) -> Any:
    found = find(ask.world.tickets, ask.path[0])
    if found is None:
        return NOT_FOUND
    found.status = "closed"
    return found


@route("GET", "/staff/tickets", Page[StaffTicketView])
def staff_tickets(ask: Ask) -> BaseModel:
    return page(ask, matching(ask, ask.world.tickets, "status"))


@route("GET", "/staff/tickets/([^/]+)", StaffTicketDetail)
def staff_ticket(ask: Ask) -> Any:
    return one(ask.world.tickets, ask.path[0])


@route("GET", "/staff/notifications", Page[NotificationView])
def notifications(ask: Ask) -> BaseModel:
    return page(ask, ask.world.notifications)


@route("GET", "/staff/overview/support", SupportOverview)
def overview(ask: Ask) -> BaseModel:
    def counted(state: str) -> int:
        return sum(1 for row in ask.world.tickets if row.status == state)

    unsent = sum(1 for row in ask.world.notifications if row.state != "sent")
    letters = len(ask.world.letters.get("support", []))
    return SupportOverview(
        open_tickets=counted("open"), replied_tickets=counted("customer_replied"), unsent_mails=unsent,
        dead_letters=letters, mail=ask.world.switches["mail"],
    )  # fmt: skip


@route("PUT", "/staff/switches/mail", fresh=True)
def switch_mail(ask: Ask) -> Any:
    return switched(ask, "mail")


def switched(ask: Ask, name: str) -> Any:
    if not ask.has_reason:
        return NO_REASON
    assert ask.visitor
    switch = ask.world.switches[name]
    switch.engaged, switch.reason = ask.json["engaged"], ask.json["reason"]
    switch.by, switch.changed_at = ask.visitor.name, now()
    return switch
