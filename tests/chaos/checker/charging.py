"""B10: what Stripe goes on charging is what lives, item by item."""

from collections import Counter

from tests.chaos.checker.evidence import Evidence, Row
from tests.chaos.checker.findings import Line

# Subscriptions in these states charge nothing any more, or not yet
# (https://docs.stripe.com/api/subscriptions/object#subscription_object-status).
_SILENT = frozenset({"canceled", "incomplete", "incomplete_expired", "unpaid"})
# Order and Stripe's price.
_Charged = tuple[str, str]


def b10_what_lives_is_charged(evidence: Evidence) -> Line:
    """Compares, for every fulfilled order and price, the units of its subscriptions at Stripe with the rights that are
    not over. An order has one subscription per interval, and each item one price, so nothing is counted twice."""
    line = Line("B10", "subscriptions charge exactly the units that live", settled=evidence.settled)
    living, charged = _living(evidence), _charged(evidence)
    # What came back after its subscription had ended is for a person to arrange.
    ended = {_order_of(row) for row in evidence.stripe.subscriptions if row["status"] in _SILENT}
    line.lacks(
        "units charged that live no more",
        [_words(key, charged, living) for key in sorted(charged) if charged[key] > living[key]],
    )
    line.lacks(
        "living units that nothing charges",
        [_words(key, charged, living) for key in sorted(living) if charged[key] < living[key] and key[0] not in ended],
    )
    line.counted = f"{charged.total()} units in {len(evidence.stripe.subscriptions)} subscriptions"
    return line


def _living(evidence: Evidence) -> Counter[_Charged]:
    living: Counter[_Charged] = Counter()
    for item in evidence.items:
        order = evidence.orders[item["order_id"]]
        if order["status"] == "fulfilled" and item["interval"] != "one_time":
            rights = evidence.entitlements_of.get(item["id"], [])
            price = evidence.prices[item["price_id"]]["stripe_price_id"]
            living[order["id"], price] += sum(right["status"] != "ended" for right in rights)
    return living


def _charged(evidence: Evidence) -> Counter[_Charged]:
    charged: Counter[_Charged] = Counter()
    for subscription in evidence.stripe.subscriptions:
        order = _order_of(subscription)
        if subscription["status"] in _SILENT or (evidence.orders.get(order) or {}).get("status") != "fulfilled":
            continue
        for item in subscription["items"]["data"]:
            charged[order, item["price"]["id"]] += item["quantity"]
    return charged


def _order_of(subscription: Row) -> str:
    return str((subscription.get("metadata") or {}).get("order_id") or "")


def _words(key: _Charged, charged: Counter[_Charged], living: Counter[_Charged]) -> str:
    return f"{key[0]} at {key[1]}: {charged[key]} charged, {living[key]} living"
