"""What the fake catalog, provisioning and billing show to staff, and what staff set going there."""

from typing import Any

from pydantic import BaseModel

from shared.contracts.reads.billing import BillingOverview, EntryView, StripeEventDetail, StripeEventView
from shared.contracts.reads.catalog import (
    CatalogOverview,
    StaffOrderDetail,
    StaffOrderView,
    StaffPlanView,
    StaffPriceView,
)
from shared.contracts.reads.common import Page
from shared.contracts.reads.provisioning import (
    JobDetail,
    JobView,
    ProvidersView,
    ProviderView,
    ProvisioningOverview,
    StaffServiceDetail,
    StaffServiceView,
)
from shared.web.dead_letters import DeadLetters
from tests.web.fake_data import ago, money, new_id
from tests.web.fake_routing import NO_REASON, NOT_FOUND, Ask, find, matching, one, page, problem, route
from tests.web.fake_support import switched


@route("GET", "/staff/orders", Page[StaffOrderView])
def orders(ask: Ask) -> BaseModel:
    return page(ask, matching(ask, ask.world.orders, "status"))


@route("GET", "/staff/orders/([^/]+)", StaffOrderDetail)
def order(ask: Ask) -> Any:
    return one(ask.world.orders, ask.path[0])


@route("POST", "/staff/orders/([^/]+)/accept-payment", StaffOrderView, fresh=True)
def accept_payment(ask: Ask) -> Any:
    found = find(ask.world.orders, ask.path[0])
    if found is None:
        return NOT_FOUND
    if not ask.has_reason:
        return NO_REASON
    found.status = "paid"
    return found


def staff_plans(ask: Ask) -> list[StaffPlanView]:
    return [
        StaffPlanView(
            id=plan.id, code=plan.code, name=plan.name, product_type=plan.product_type, group=plan.group,
            status="draft" if plan.code == "cert-dv" else "published", availability=plan.availability, version=1,
            created_at=ago(days=90),
            prices=[
                StaffPriceView(**price.model_dump(), stripe_price_id="price_1", synced=price.currency != "JPY")
                for price in plan.prices
            ],
        )
        for plan in ask.world.plans
    ]  # fmt: skip


@route("GET", "/staff/plans", Page[StaffPlanView])
def plans(ask: Ask) -> BaseModel:
    return page(ask, staff_plans(ask))


@route("POST", "/staff/plans/([^/]+)/(publish|retire|prices)", StaffPlanView)
def change_plan(ask: Ask) -> Any:
    found = next((plan for plan in staff_plans(ask) if plan.id == ask.path[0]), None)
    if found is None:
        return NOT_FOUND
    if ask.path[1] == "prices" and not isinstance(ask.json["amount_minor"], int):
        return problem(422, "validation-failed", "", {"/amount_minor": "Enter a whole number."})
    return found


@route("POST", "/staff/entitlements/([^/]+)/(suspend|resume|end|restore|change)")
def decide(ask: Ask) -> Any:
    found = next((row for row in ask.world.services if row.entitlement_id == ask.path[0]), None)
    if found is None:
        return NOT_FOUND
    if not ask.has_reason:
        return NO_REASON
    found.state = {"suspend": "suspended", "end": "ended"}.get(ask.path[1], found.state)
    return found


@route("GET", "/staff/overview/catalog", CatalogOverview)
def catalog_overview(ask: Ask) -> BaseModel:
    def counted(status: str) -> int:
        return sum(1 for row in ask.world.orders if row.status == status)

    return CatalogOverview(
        under_review=counted("under_review"), delivery_failed=1, awaiting_payment=counted("awaiting_payment"),
        dead_letters=len(ask.world.letters.get("catalog", [])), paid_today=[money(4100)], orders_today=3,
        recent=[StaffOrderView.model_validate(row.model_dump()) for row in ask.world.orders[:8]],
    )  # fmt: skip


@route("GET", "/staff/services", Page[StaffServiceView])
def services(ask: Ask) -> BaseModel:
    return page(ask, matching(ask, ask.world.services, "status"))


@route("GET", "/staff/services/([^/]+)", StaffServiceDetail)
def service(ask: Ask) -> Any:
    return one(ask.world.services, ask.path[0])


@route("POST", "/staff/services/([^/]+)/power", status=202)
def power(ask: Ask) -> Any:
    found = find(ask.world.services, ask.path[0])
    if found is None:
        return NOT_FOUND
    if not ask.has_reason:
        return NO_REASON
    found.pending_action = ask.json["action"]
    return found


@route("GET", "/staff/jobs", Page[JobView])
def jobs(ask: Ask) -> BaseModel:
    return page(ask, matching(ask, ask.world.jobs, "state"))


@route("GET", "/staff/jobs/([^/]+)", JobDetail)
def job(ask: Ask) -> Any:
    return one(ask.world.jobs, ask.path[0])


@route("POST", "/staff/jobs/([^/]+)/retry", status=202)
def retry(ask: Ask) -> Any:
    found = find(ask.world.jobs, ask.path[0])
    if found is None:
        return NOT_FOUND
    found.state = "ready"
    return found


def providers_view(ask: Ask) -> ProvidersView:
    return ProvidersView(data=ask.world.providers, writes=ask.world.switches["provider-writes"])


@route("GET", "/staff/providers", ProvidersView)
def providers(ask: Ask) -> BaseModel:
    return providers_view(ask)


@route("POST", "/staff/providers", ProviderView, status=201)
def add_provider(ask: Ask) -> Any:
    if not ask.has_reason:
        return NO_REASON
    if not ask.json["endpoint"].startswith("https://"):
        return problem(422, "validation-failed", "", {"/endpoint": "Use an https address."})
    fields = {name: value for name, value in ask.json.items() if name != "reason"}
    added = ProviderView(**fields, id=new_id("prv"), used=0, state="open", reachable=None, version=1)
    ask.world.providers.append(added)
    return added


@route("PATCH", "/staff/providers/([^/]+)", ProviderView)
def change_provider(ask: Ask) -> Any:
    found = next((row for row in ask.world.providers if row.id == ask.path[0]), None)
    if found and ask.json["version"] != found.version:
        return problem(409, "stale", "Somebody changed it meanwhile.")
    known = set(ask.json) <= {*ProviderView.model_fields, "reason"} - {
        "id",
        "name",
        "kind",
        "used",
        "state",
        "reachable",
    }
    assert known, f"a change has no such fields: {sorted(ask.json)}"
    return _changed(ask, {name: value for name, value in ask.json.items() if name not in {"reason", "version"}})


@route("GET", "/staff/providers/([^/]+)", ProviderView)
def provider(ask: Ask) -> Any:
    return next((row for row in ask.world.providers if row.id == ask.path[0]), None) or NOT_FOUND


@route("POST", "/staff/providers/([^/]+)/(pause|fill|open)", ProviderView)
def set_provider(ask: Ask) -> Any:
    return _changed(ask, {"state": {"pause": "paused", "fill": "full", "open": "open"}[ask.path[1]]})


def _changed(ask: Ask, changes: dict[str, Any]) -> Any:
    found = next((row for row in ask.world.providers if row.id == ask.path[0]), None)
    if found is None:
        return NOT_FOUND
    if not ask.has_reason:
        return NO_REASON
    for name, value in changes.items():
        setattr(found, name, value)
    return found


@route("PUT", "/staff/switches/provider-writes", fresh=True)
def switch_writes(ask: Ask) -> Any:
    return switched(ask, "provider-writes")


@route("GET", "/staff/overview/provisioning", ProvisioningOverview)
def provisioning_overview(ask: Ask) -> BaseModel:
    def counted(state: str) -> int:
        return sum(1 for row in ask.world.jobs if row.state == state)

    found = providers_view(ask)
    return ProvisioningOverview(
        dead_jobs=counted("dead"), parked_jobs=counted("parked"), missing_services=0, waiting_jobs=counted("ready"),
        dead_letters=0, providers=found.data, writes=found.writes,
    )  # fmt: skip


@route("GET", "/staff/stripe-events", Page[StripeEventView])
def events(ask: Ask) -> BaseModel:
    return page(ask, matching(ask, ask.world.stripe_events, "state", "type"))


@route("GET", "/staff/stripe-events/([^/]+)", StripeEventDetail)
def event(ask: Ask) -> Any:
    return one(ask.world.stripe_events, ask.path[0])


@route("POST", "/staff/stripe-events/([^/]+)/replay", status=202)
def replay(ask: Ask) -> Any:
    found = find(ask.world.stripe_events, ask.path[0])
    if found is None:
        return NOT_FOUND
    if found.state == "done" and not found.outcome.startswith("ignored"):
        return problem(409, "already-processed", "The event was processed; doing it again would change nothing.")
    found.state = "ready"
    return found


@route("GET", "/staff/ledger", Page[EntryView])
def ledger(ask: Ask) -> BaseModel:
    return page(ask, ask.world.ledger)


@route("GET", "/staff/overview/billing", BillingOverview)
def billing_overview(ask: Ask) -> BaseModel:
    dead = sum(1 for row in ask.world.stripe_events if row.state == "dead")
    return BillingOverview(
        dead_events=dead, parked_events=0, dead_tasks=0, dead_letters=0, open_disputes=0,
        received_today=[money(4100)], refunded_today=[money(900)],
    )  # fmt: skip


@route("GET", "/staff/dead-letters/([^/]+)", DeadLetters)
def dead_letters(ask: Ask) -> BaseModel:
    return DeadLetters(data=ask.world.letters.get(ask.path[0], []))


@route("POST", "/staff/dead-letters/([^/]+)/([^/]+)/([^/]+)/replay", status=202)
def replay_letter(ask: Ask) -> Any:
    service, _, letter_id = ask.path
    rows = ask.world.letters.get(service, [])
    if all(row.id != letter_id for row in rows):
        return NOT_FOUND
    ask.world.letters[service] = [row for row in rows if row.id != letter_id]
    return DeadLetters(data=[])
