"""I9, I10: a fact that counts as handled had its effect; what was published arrives, once, as it was published."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from tests.chaos.checker.effects import effect_missing
from tests.chaos.checker.evidence import Evidence, Fact, group
from tests.chaos.checker.findings import Line

# Outboxes are emptied of what was sent a week ago; a received fact that old has lost its counterpart.
_OUTBOX_KEPT = timedelta(days=6)

# Which facts tell of the same happening: two of a type with the same key are one too many. Prices may be announced
# again, plans too, and a page can expire more than once.
_HAPPENING: dict[str, Callable[[Fact], tuple[object, ...]]] = {
    "identity.user.registered.v1": lambda fact: (fact.subject,),
    "identity.verification.requested.v1": lambda fact: (fact.subject,),
    "catalog.order.canceled.v1": lambda fact: (fact.data["order_id"],),
    "catalog.entitlement.granted.v1": lambda fact: (fact.data["entitlement_id"],),
    "billing.price.synced.v1": lambda fact: (fact.data["price_id"], fact.data["plan_version"]),
    "billing.checkout.paid.v1": lambda fact: (fact.data["order_id"],),
    "billing.payment.mismatched.v1": lambda fact: (fact.data["checkout_id"],),
    "billing.invoice.paid.v1": lambda fact: (fact.data["invoice_id"],),
    "provisioning.resource.activated.v1": lambda fact: (fact.data["resource_id"],),
    "provisioning.resource.failed.v1": lambda fact: (fact.data["resource_id"], fact.data["version"]),
    "catalog.item.delivered.v1": lambda fact: (fact.data["item_id"],),
    **{
        f"catalog.entitlement.{verb}.v1": lambda fact: (fact.data["entitlement_id"], fact.data["version"])
        for verb in ("suspended", "resumed", "changed", "ended", "restored")
    },
    **{
        f"provisioning.resource.{verb}.v1": lambda fact: (fact.data["resource_id"], fact.data["version"])
        for verb in ("suspended", "changed", "terminated")
    },
    "billing.subscription.started.v1": lambda fact: (fact.data["subscription_id"],),
    "billing.subscription.renewed.v1": lambda fact: (fact.data["invoice_id"],),
    "billing.refund.succeeded.v1": lambda fact: (fact.data["refund_id"],),
    "billing.dispute.opened.v1": lambda fact: (fact.data["dispute_id"],),
}


def i9_no_key_is_consumed_by_a_failure(evidence: Evidence) -> Line:
    """Every row that says `done` has left its mark: the payment, the entitlement, the mail it stands for."""
    line = Line("I9", "no dedupe key is consumed by a handler that failed", settled=evidence.settled)
    done = [fact for fact in evidence.inbox if fact.state == "done"]
    hollow = [f"{fact.schema}.inbox {fact.id} ({fact.type})" for fact in done if effect_missing(evidence, fact)]
    line.breaks("facts counted as handled without their effect", hollow)
    events = [row for row in evidence.stripe_events.values() if row["state"] == "done"]
    line.breaks(
        "Stripe events counted as processed without an outcome", [row["id"] for row in events if not row["outcome"]]
    )
    line.breaks("paid pages counted as processed, and their checkout not settled", _unsettled(evidence))
    line.counted = f"{len(done)} facts and {len(events)} Stripe events handled"
    return line


def _unsettled(evidence: Evidence) -> list[str]:
    states = {row["stripe_session_id"]: row["status"] for row in evidence.checkouts}
    paid = {session["id"] for session in evidence.stripe.paid_sessions}
    return [
        f"{row['id']} ({row['object_id']})"
        for row in evidence.stripe_events.values()
        if row["type"] == "checkout.session.completed"
        and row["state"] == "done"
        and row["object_id"] in paid
        and states.get(row["object_id"]) not in ("paid", "mismatched")
    ]


def i10_facts_arrive_as_published(evidence: Evidence) -> Line:
    """Compares every outbox with the inbox of everybody who listens, by id and by content."""
    line = Line(
        "I10", "no fact is lost, sent before its commit, or repeated under another id", settled=evidence.settled
    )
    published = {fact.id: fact for fact in evidence.outbox}
    received: dict[tuple[str, str], Fact] = {(fact.schema, fact.id): fact for fact in evidence.inbox}
    line.lacks(
        "facts that a subscriber never received",
        [
            f"{fact.id} ({fact.type}) by {listener}"
            for fact in evidence.outbox
            for listener in sorted(evidence.listeners.get(fact.type, set()))
            if (listener, fact.id) not in received
        ],
    )
    line.lacks(
        "facts nobody listens to", [fact.id for fact in evidence.outbox if not evidence.listeners.get(fact.type)]
    )
    recent = evidence.taken_at - _OUTBOX_KEPT
    line.breaks(
        "facts received that nobody committed",
        [
            f"{fact.id} ({fact.type}) in {fact.schema}"
            for fact in evidence.inbox
            if fact.id not in published and fact.created_at > recent
        ],
    )
    line.breaks(
        "facts that changed on their way",
        [
            f"{fact.id} in {fact.schema}"
            for fact in evidence.inbox
            if fact.id in published and not _same(fact, published[fact.id])
        ],
    )
    line.breaks(
        "envelopes under another id or type than their row",
        [
            fact.id
            for fact in evidence.outbox
            if not fact.forgotten and (fact.envelope_id, fact.envelope_type) != (fact.id, fact.type)
        ],
    )
    line.breaks("one happening told under several ids", _told_twice(evidence))
    line.breaks("more refusals told than payments refused", _refusals(evidence))
    line.counted = f"{len(published)} facts published, {len(received)} received"
    return line


def _same(received: Fact, published: Fact) -> bool:
    if received.forgotten or published.forgotten:
        return received.type == published.type
    return received.body == published.body


def _told_twice(evidence: Evidence) -> list[str]:
    told = group(
        ((fact.type, *_HAPPENING[fact.type](fact)), fact.id) for fact in evidence.outbox if fact.type in _HAPPENING
    )
    units = Counter[str]()
    for fact in evidence.outbox:
        if fact.type == "catalog.entitlement.granted.v1":
            units[fact.data["item_id"]] += 1
    sold = {item["id"]: item["quantity"] for item in evidence.items}
    twice = [f"{' '.join(map(str, key))}: {', '.join(ids)}" for key, ids in told.items() if len(ids) > 1]
    return twice + [f"{item}: {times} grants" for item, times in units.items() if times > sold.get(item, 0)]


def _refusals(evidence: Evidence) -> list[str]:
    told = Counter(fact.data["order_id"] for fact in evidence.outbox if fact.type == "billing.payment.failed.v1")
    refused = Counter(row["order_id"] for row in evidence.payments.values() if row["failure_reported_at"] is not None)
    of_checkout = {row["id"]: row["order_id"] for row in evidence.checkouts}
    refused.update(
        of_checkout[row["checkout_id"]] for row in evidence.checkout_history if row["verb"] == "session_failed"
    )
    return [f"{order}: {times} told" for order, times in told.items() if times > refused[order]]
