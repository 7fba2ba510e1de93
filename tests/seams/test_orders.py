"""An order of things that renew differently, on a running instance: paid on one page, and then each group by itself."""

from collections.abc import Callable
from typing import Any

from ez.demo import Api, steps
from ez.demo.mixed import ITEMS
from ez.seeding import PUBLISHED
from tests.support.embedded import Embedded, embedded

__all__ = ["embedded"]

DAY = 24 * 3600


class Buyer:
    """A customer with a mixed order that runs, and staff beside them."""

    def __init__(self, instance: Embedded) -> None:
        self.api, self.staff, self.instance = Api(instance.url), Api(instance.url), instance
        steps.sign_up(self.api)
        self.order = steps.order(self.api, ITEMS)
        steps.pay(self.api, self.order["id"])
        steps.delivered(self.api, self.order["id"])
        self.account_id = self.api("GET", "/api/v1/me")["account"]["id"]
        login = {"email": "staff@demo.example", "password": PUBLISHED[1]}
        self.staff.token = self.staff("POST", "/api/v1/sessions", login)["token"]

    def subscription(self, interval: str) -> dict[str, Any] | None:
        """What renews at this interval, once it is known when."""
        found = [one for one in self.api("GET", "/api/v1/subscriptions")["data"] if one["interval"] == interval]
        return found[0] if found and found[0]["next_charge_at"] else None

    def invoices(self) -> list[dict[str, Any]]:
        """Every invoice, the newest first."""
        return list(self.api("GET", "/api/v1/invoices")["data"])

    def states(self) -> dict[str, str]:
        """The status of each service, by its name."""
        return {one["name"]: one["status"] for one in steps.services_of(self.api, self.order["id"])}

    def wait(self, what: str, probe: Callable[[], Any]) -> Any:
        """Until the probe holds."""
        return steps.wait_for(what, probe, 240)


def _next(buyer: Buyer) -> str:
    """When the monthly servers are charged next; empty while that is not known."""
    found = buyer.subscription("month")
    return str(found["next_charge_at"]) if found else ""


def _one_payment_makes_a_subscription_per_interval(buyer: Buyer) -> None:
    monthly = buyer.wait("the monthly subscription", lambda: buyer.subscription("month"))
    yearly = buyer.wait("the yearly subscription", lambda: buyer.subscription("year"))
    intervals = {item["id"]: item["interval"] for item in buyer.order["items"]}
    assert [intervals[item] for item in monthly["item_ids"]] == ["month", "month"]
    assert [intervals[item] for item in yearly["item_ids"]] == ["year"]
    assert len(buyer.wait("the invoice", buyer.invoices)) == 1
    assert buyer.invoices()[0]["total"] == buyer.order["total"]


def _a_month_later_the_monthly_servers_are_charged_once_and_the_yearly_one_is_not(buyer: Buyer) -> None:
    before, yearly = buyer.subscription("month"), buyer.subscription("year")
    assert before is not None
    moved = buyer.staff("POST", f"/api/v1/staff/clocks/{buyer.account_id}", {"advance_seconds": 33 * DAY})
    assert moved["offset_seconds"] >= 33 * DAY
    buyer.wait("the renewal to be paid", lambda: [one["status"] for one in buyer.invoices()] == ["paid", "paid"])
    assert buyer.invoices()[0]["total"] == before["total"]
    buyer.wait("the next charge to move", lambda: _next(buyer) > before["next_charge_at"])
    assert buyer.subscription("year") == yearly


def _when_the_monthly_subscription_ends_at_stripe_its_servers_end_and_the_yearly_one_runs_on(buyer: Buyer) -> None:
    monthly = buyer.subscription("month")
    assert monthly is not None
    listed = buyer.instance.stripe("GET", "/v1/subscriptions?limit=100")["data"]
    [at_stripe] = [one["id"] for one in listed if one["metadata"].get("group_id") == monthly["id"]]
    buyer.instance.stripe("DELETE", f"/v1/subscriptions/{at_stripe}")
    ended = {"web.example.com": "terminated", "db.example.com": "terminated", "mail.example.com": "active"}
    buyer.wait("the monthly servers to end", lambda: buyer.states() == ended)


def test_what_is_paid_on_one_page_renews_and_ends_apart(embedded: Embedded) -> None:
    buyer = Buyer(embedded)
    _one_payment_makes_a_subscription_per_interval(buyer)
    _a_month_later_the_monthly_servers_are_charged_once_and_the_yearly_one_is_not(buyer)
    _when_the_monthly_subscription_ends_at_stripe_its_servers_end_and_the_yearly_one_runs_on(buyer)
