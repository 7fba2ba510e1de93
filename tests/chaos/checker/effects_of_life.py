"""What facts about renewals, money that goes back, rights and services later in their life must have left behind."""

from collections.abc import Callable
from datetime import datetime

from tests.chaos.checker.evidence import Evidence, Fact, Row

Effect = Callable[[Evidence, Fact], bool]


def _described(schema: str) -> Effect:
    """An account's description. Without its outbox row nobody can say any more whom a handled one was about."""
    return lambda evidence, fact: (
        not fact.subject or any(row["account_id"] == fact.subject for row in evidence.tables[f"{schema}.customers"])
    )


def _right_is(entitlement: str) -> Effect:
    """The service knows this of its right, or something newer."""

    def seen(evidence: Evidence, fact: Fact) -> bool:
        for row in evidence.resources_of.get(fact.data["entitlement_id"], []):
            if row["entitlement_version"] > fact.data["version"]:
                return True
            if row["entitlement_version"] == fact.data["version"] and row["entitlement"] == entitlement:
                return True
        return False

    return seen


def _changed(evidence: Evidence, fact: Fact) -> bool:
    rows = evidence.resources_of.get(fact.data["entitlement_id"], [])
    return any(row["change_version"] >= fact.data["version"] for row in rows)


def _noted_for_right(verb: str) -> Effect:
    """The right's history has this as often as it was told."""

    def seen(evidence: Evidence, fact: Fact) -> bool:
        right = fact.data["entitlement_id"]
        noted = sum(row["verb"] == verb for row in evidence.story_of_right.get(right, []))
        return bool(noted >= evidence.times_handled[fact.schema, fact.type, right])

    return seen


def _noted_for_order(verb: str) -> Effect:
    """The order's history has this as often as it was told. Money of no order of ours is noted nowhere."""

    def seen(evidence: Evidence, fact: Fact) -> bool:
        order = fact.data["order_id"]
        if order is None:
            return True
        noted = sum(row["verb"] == verb for row in evidence.story_of.get(order, []))
        return bool(noted >= evidence.times_handled[fact.schema, fact.type, order])

    return seen


def _items_reach(**columns: str) -> Effect:
    """Each named item has, in each of these columns, at least the moment that the fact names."""

    def seen(evidence: Evidence, fact: Fact) -> bool:
        items = [evidence.item_of.get(item) for item in fact.data["item_ids"]]
        return all(
            item is not None and item[column] is not None and item[column] >= _moment(fact.data[named])
            for item in items
            for column, named in columns.items()
        )

    return seen


def _items_ended(evidence: Evidence, fact: Fact) -> bool:
    items = [evidence.item_of.get(item) for item in fact.data["item_ids"]]
    return all(item is not None and item["ended_at"] is not None for item in items)


def _delivery_known(evidence: Evidence, fact: Fact) -> bool:
    rows = [row for row in _charged(evidence, fact) if row["item_id"] == fact.data["item_id"]]
    return not _charged(evidence, fact) or any(row["delivered_at"] is not None for row in rows)


def _charges_for(*, live: bool) -> Effect:
    """Billing knows that this unit lives, or not, or something newer of it."""

    def seen(evidence: Evidence, fact: Fact) -> bool:
        rows = [
            row
            for row in evidence.tables["billing.payment_group_units"]
            if row["entitlement_id"] == fact.data["entitlement_id"]
        ]
        wanted = (fact.data["version"], live)
        newest = any(row["version"] > wanted[0] or (row["version"], row["live"]) == wanted for row in rows)
        return newest or not _charged(evidence, fact)

    return seen


def _charged(evidence: Evidence, fact: Fact) -> list[Row]:
    """What billing charges for the fact's order: nothing where it was never paid on a page of ours."""
    return evidence.charged_of.get(fact.data["order_id"], [])


def _mailed(template: str) -> Effect:
    return lambda evidence, fact: f"{template}:{fact.data['resource_id']}:{fact.data['version']}" in evidence.mail_keys


def _end_mailed(evidence: Evidence, fact: Fact) -> bool:
    # That what ended is gone at last is told to nobody.
    return fact.data["removed_at"] is None or _mailed("service_ended")(evidence, fact)


def _past_due_mailed(evidence: Evidence, fact: Fact) -> bool:
    when = _moment(fact.data["failed_at"])
    return f"past-due:{fact.data['subscription_id']}:{when:%Y%m%dT%H%M%S}" in evidence.mail_keys


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


EFFECTS: dict[tuple[str, str], Effect] = {
    ("catalog", "identity.account.described.v1"): _described("catalog"),
    ("provisioning", "identity.account.described.v1"): _described("provisioning"),
    ("support", "identity.account.described.v1"): _described("support"),
    ("billing", "catalog.item.delivered.v1"): _delivery_known,
    ("billing", "catalog.entitlement.ended.v1"): _charges_for(live=False),
    ("billing", "catalog.entitlement.restored.v1"): _charges_for(live=True),
    ("provisioning", "catalog.entitlement.suspended.v1"): _right_is("suspended"),
    ("provisioning", "catalog.entitlement.resumed.v1"): _right_is("valid"),
    ("provisioning", "catalog.entitlement.changed.v1"): _changed,
    ("provisioning", "catalog.entitlement.ended.v1"): _right_is("ended"),
    ("provisioning", "catalog.entitlement.restored.v1"): _right_is("valid"),
    ("catalog", "billing.subscription.started.v1"): _items_reach(paid_until="period_end"),
    ("catalog", "billing.subscription.renewed.v1"): _items_reach(paid_until="period_end", settled_at="paid_at"),
    ("catalog", "billing.subscription.rescheduled.v1"): _items_reach(paid_until="period_end"),
    ("catalog", "billing.subscription.past_due.v1"): _items_reach(past_due_at="failed_at"),
    ("catalog", "billing.subscription.recovered.v1"): _items_reach(settled_at="recovered_at"),
    ("catalog", "billing.subscription.ended.v1"): _items_ended,
    ("catalog", "billing.refund.succeeded.v1"): _noted_for_order("refunded"),
    ("catalog", "billing.dispute.opened.v1"): _noted_for_order("dispute_opened"),
    ("catalog", "billing.dispute.closed.v1"): _noted_for_order("dispute_closed"),
    ("catalog", "provisioning.resource.suspended.v1"): _noted_for_right("service_suspended"),
    ("catalog", "provisioning.resource.resumed.v1"): _noted_for_right("service_resumed"),
    ("catalog", "provisioning.resource.changed.v1"): _noted_for_right("service_changed"),
    ("catalog", "provisioning.resource.terminated.v1"): _noted_for_right("service_terminated"),
    ("support", "provisioning.resource.suspended.v1"): _mailed("service_suspended"),
    ("support", "provisioning.resource.resumed.v1"): _mailed("service_resumed"),
    ("support", "provisioning.resource.terminated.v1"): _end_mailed,
    ("support", "billing.subscription.past_due.v1"): _past_due_mailed,
}
