"""What each kind of fact must have left behind where it was handled."""

from collections.abc import Sequence

from tests.chaos.checker.effects_of_life import EFFECTS as OF_LIFE
from tests.chaos.checker.effects_of_life import Effect
from tests.chaos.checker.evidence import Evidence, Fact, Row


def effect_missing(evidence: Evidence, fact: Fact) -> bool:
    """Whether a handled fact left no trace of its effect. A kind this table does not know counts as missing: whoever
    adds a subscription says here how its effect is seen."""
    seen = _EFFECTS.get((fact.schema, fact.type))
    return seen is None or not seen(evidence, fact)


def _money_noted(evidence: Evidence, fact: Fact) -> bool:
    data = fact.data
    amount, currency = (
        data.get("amount_minor", data.get("received_minor")),
        data.get("currency", data.get("received_currency")),
    )
    wanted = (data["checkout_id"], amount, currency)
    noted = evidence.money_of.get(data["order_id"], [])
    if wanted not in {(row["checkout_id"], row["amount_minor"], row["currency"]) for row in noted}:
        return False
    return fact.type != "billing.checkout.paid.v1" or not _unpaid_without_reason(evidence, data["order_id"])


def _unpaid_without_reason(evidence: Evidence, order: str) -> bool:
    """Nothing paid the order, and none of its payments was set aside for a person."""
    if order in evidence.paid_orders:
        return False
    return all(row["outcome"] == "settled" for row in evidence.money_of.get(order, []))


def _told(evidence: Evidence, order: str, *verbs: str) -> bool:
    return any(row["verb"] in verbs for row in evidence.story_of.get(order, []))


def _refusal_noted(evidence: Evidence, fact: Fact) -> bool:
    # An order that was paid or closed before the refusal was told of is not troubled with it.
    order = evidence.orders.get(fact.data["order_id"])
    if order is None:
        return False
    return order["status"] != "awaiting_payment" or _told(evidence, fact.data["order_id"], "payment_failed")


def _not_waiting(evidence: Evidence, fact: Fact) -> bool:
    order = evidence.orders.get(fact.data["order_id"])
    return order is not None and order["status"] != "awaiting_payment"


def _entitlement_moved(evidence: Evidence, fact: Fact) -> bool:
    entitlement = evidence.entitlements.get(fact.data["entitlement_id"])
    if entitlement is None:
        return False
    if fact.type.endswith("activated.v1"):
        return entitlement["status"] not in ("granted", "delayed")
    # A right that rested or was over when its service failed is waited for again once it may go on.
    went_on = {"resume_waiting", "restore_waiting"}
    return entitlement["status"] != "granted" or any(
        row["verb"] in went_on for row in evidence.story_of_right.get(entitlement["id"], [])
    )


def _mail(evidence: Evidence, key: str) -> bool:
    return key in evidence.mail_keys


def _known_person(rows: Sequence[Row], fact: Fact) -> bool:
    # Without its outbox row nobody can say any more whom a handled fact about a person was about.
    return not fact.subject or any(row["user_id"] == fact.subject for row in rows)


def _price_known(evidence: Evidence, fact: Fact) -> bool:
    price = evidence.prices.get(fact.data["price_id"])
    return price is not None and price["stripe_price_id"] is not None


def _plan_known(evidence: Evidence, fact: Fact) -> bool:
    plan = evidence.plans.get(fact.data["plan_id"])
    return plan is not None and plan["version"] >= fact.data["version"]


def _ticket(evidence: Evidence, fact: Fact) -> bool:
    cause = f"resource-failed:{fact.data['resource_id']}:{fact.data['version']}"
    return any(row["cause"] == cause for row in evidence.tickets)


_EFFECTS: dict[tuple[str, str], Effect] = {
    **OF_LIFE,
    ("billing", "identity.user.registered.v1"): lambda evidence, fact: _known_person(evidence.payers, fact),
    ("billing", "catalog.plan.published.v1"): _plan_known,
    ("billing", "catalog.order.canceled.v1"): lambda evidence, fact: any(
        row["order_id"] == fact.data["order_id"] for row in evidence.closed_orders
    ),
    ("catalog", "billing.price.synced.v1"): _price_known,
    ("catalog", "billing.checkout.paid.v1"): _money_noted,
    ("catalog", "billing.payment.mismatched.v1"): _money_noted,
    ("catalog", "billing.checkout.expired.v1"): _not_waiting,
    ("catalog", "billing.payment.failed.v1"): _refusal_noted,
    ("catalog", "provisioning.resource.activated.v1"): _entitlement_moved,
    ("catalog", "provisioning.resource.failed.v1"): _entitlement_moved,
    ("provisioning", "catalog.entitlement.granted.v1"): lambda evidence, fact: bool(
        evidence.resources_of.get(fact.data["entitlement_id"])
    ),
    ("support", "identity.user.registered.v1"): lambda evidence, fact: _known_person(evidence.contacts, fact),
    ("support", "identity.verification.requested.v1"): lambda evidence, fact: (
        not fact.subject or _mail(evidence, f"verify:{fact.subject}")
    ),
    # Only billing's offset says that a clock was moved, and only in test mode.
    ("catalog", "billing.clock.moved.v1"): lambda _evidence, _fact: True,
    ("provisioning", "billing.clock.moved.v1"): lambda _evidence, _fact: True,
    ("support", "billing.invoice.paid.v1"): lambda evidence, fact: _mail(
        evidence, f"receipt:{fact.data['invoice_id']}"
    ),
    ("support", "provisioning.resource.activated.v1"): lambda evidence, fact: _mail(
        evidence, f"welcome:{fact.data['resource_id']}"
    ),
    ("support", "provisioning.resource.failed.v1"): _ticket,
}
