"""The books: what was acknowledged is stored, what was stored was processed, and each step has its one successor."""

from collections import Counter

from tests.chaos.checker.evidence import Evidence, Row, order_named
from tests.chaos.checker.findings import Line

# A person's decision to accept money that did not fit.
_BY_A_PERSON = "usr_"


def b1_acknowledged_is_stored(evidence: Evidence) -> Line:
    """An event answered 2xx is ours to keep; one that was never Stripe's may not be here."""
    line = Line("B1", "acknowledged Stripe events are stored, and no others", settled=evidence.settled)
    acknowledged = {row["event_id"] for row in evidence.stripe.deliveries if any(map(_accepted, row["log"]))}
    made = {row["id"] for row in evidence.stripe.events}
    forged = [
        row["event_id"]
        for row in evidence.stripe.deliveries
        for attempt in row["log"]
        if attempt["kind"] == "forged" and _answered_well(attempt)
    ]
    line.counted = f"{len(acknowledged)} acknowledged, {len(evidence.stripe_events)} stored"
    line.lacks("events acknowledged and not stored", sorted(acknowledged - set(evidence.stripe_events)))
    line.breaks("events stored that Stripe never made", sorted(set(evidence.stripe_events) - made))
    line.breaks("forgeries that were acknowledged", sorted(set(forged)))
    return line


def _accepted(attempt: Row) -> bool:
    return attempt["kind"] != "forged" and _answered_well(attempt)


def _answered_well(attempt: Row) -> bool:
    return attempt["status"] is not None and 200 <= attempt["status"] < 300


def b2_each_took_effect_once(evidence: Evidence) -> Line:
    """Histories are written with each move, so a second effect of the same event stands there twice."""
    line = Line("B2", "each event took effect once", settled=evidence.settled)
    for what, column, rows, verbs in (
        ("checkouts", "checkout_id", evidence.checkout_history, ("pay", "mismatch")),
        ("orders", "order_id", evidence.order_history, ("pay", "deliver", "fulfill")),
        ("services", "resource_id", evidence.resource_history, ("activate",)),
    ):
        times = Counter((row[column], row["verb"]) for row in rows if row["verb"] in verbs)
        line.breaks(
            f"{what} to which one thing happened twice", [f"{key} {verb}" for (key, verb), n in times.items() if n > 1]
        )
    line.counted = f"{sum(row['state'] == 'done' for row in evidence.stripe_events.values())} events processed"
    return line


def b3_one_entitlement_per_unit(evidence: Evidence) -> Line:
    """A paid item of quantity three entitles to three services; an unpaid one to none."""
    line = Line("B3", "one entitlement per paid unit", settled=evidence.settled)
    too_few, too_many = [], []
    for item in evidence.items:
        wanted = item["quantity"] if item["order_id"] in evidence.paid_orders else 0
        found = len(evidence.entitlements_of.get(item["id"], []))
        if found < wanted:
            too_few.append(f"{item['id']} of {item['order_id']}: {found} of {wanted}")
        if found > wanted:
            too_many.append(f"{item['id']} of {item['order_id']}: {found} of {wanted}")
    line.breaks("items with too few entitlements", too_few)
    line.breaks("items with too many entitlements", too_many)
    line.counted = f"{len(evidence.entitlements)} entitlements"
    return line


def b4_one_resource_per_entitlement(evidence: Evidence) -> Line:
    """And no resource without an entitlement, nor one that another order's entitlement stands behind."""
    line = Line("B4", "one resource per entitlement", settled=evidence.settled)
    living = [row for row in evidence.entitlements.values() if row["status"] != "ended"]
    line.lacks(
        "entitlements without a resource", [row["id"] for row in living if row["id"] not in evidence.resources_of]
    )
    line.breaks(
        "entitlements with several resources",
        [
            f"{key}: {', '.join(row['id'] for row in rows)}"
            for key, rows in evidence.resources_of.items()
            if len(rows) > 1
        ],
    )
    line.breaks(
        "resources whose entitlement is not theirs",
        [
            row["id"]
            for row in evidence.resources.values()
            if (evidence.entitlements.get(row["entitlement_id"]) or {}).get("order_id") != row["order_id"]
        ],
    )
    line.counted = f"{len(evidence.resources)} resources"
    return line


def b5_one_machine_per_resource(evidence: Evidence) -> Line:
    """The machine our books name is the one that carries the resource's reference, and nobody else's."""
    line = Line("B5", "one machine per resource", settled=evidence.settled)
    owned = [row for row in evidence.resources.values() if row["status"] in ("active", "suspended") and row["provider"]]
    line.lacks(
        "resources, running or at rest, whose machine is another one, or none",
        [
            f"{row['id']}: books say {row['external_ref']}"
            for row in owned
            if [str(machine.vmid) for machine in evidence.machines_of.get(row["id"], [])] != [row["external_ref"]]
        ],
    )
    line.lacks("machines of another size than their right", [row["id"] for row in owned if _other_size(evidence, row)])
    # Whoever deleted by hand what had ended anyway took nothing from anybody.
    line.lacks(
        "resources that ended and have another machine, or several",
        [
            f"{row['id']}: books say {row['external_ref']}"
            for row in evidence.resources.values()
            if row["status"] == "terminated"
            and {str(machine.vmid) for machine in evidence.machines_of.get(row["id"], [])} - {row["external_ref"]}
        ],
    )
    shared = Counter(
        row["external_ref"] for row in evidence.resources.values() if row["external_ref"] and row["status"] != "removed"
    )
    line.breaks(
        "machines that several resources claim", [f"machine {vmid}" for vmid, times in shared.items() if times > 1]
    )
    line.counted = f"{len(owned)} resources with a machine of their own"
    return line


def _other_size(evidence: Evidence, resource: Row) -> bool:
    right = evidence.entitlements.get(resource["entitlement_id"])
    if right is None or right["cores"] is None:
        return False
    sizes = {(machine.cores, machine.memory_mb) for machine in evidence.machines_of.get(resource["id"], [])}
    return sizes != {(right["cores"], right["memory_mb"])}


def b6_one_welcome_per_service(evidence: Evidence) -> Line:
    """Counted in the mailbox. A mail delivered again under one Message-ID is one mail, there as here."""
    line = Line("B6", "one welcome mail per service", settled=evidence.settled)
    welcomes = [row for row in evidence.notifications if row["template"].startswith("welcome_")]
    caught: Counter[str] = Counter(
        mail["message_id"].strip("<>").partition("@")[0] for mails in evidence.mails.values() for mail in mails
    )
    per_service = Counter(":".join(row["dedupe_key"].split(":")[:2]) for row in welcomes)
    active = [row["id"] for row in evidence.resources.values() if row["activated_at"] is not None]
    line.lacks("services without a welcome mail", [key for key in active if not per_service[f"welcome:{key}"]])
    line.lacks(
        "welcome mails that never reached the mailbox",
        [
            row["id"]
            for row in welcomes
            if row["sent_at"] is not None and not caught[row["id"]] and not _cut(evidence, row)
        ],
    )
    line.breaks("services welcomed more than once", [key for key, times in per_service.items() if times > 1])
    line.breaks("mails caught under several ids of ours", [key for key, times in caught.items() if times > 1])
    line.lacks("mails caught that nobody wrote", sorted(set(caught) - {row["id"] for row in evidence.notifications}))
    line.counted = f"{len(welcomes)} welcome mails written, {sum(caught[row['id']] for row in welcomes)} caught"
    return line


def _cut(evidence: Evidence, notification: Row) -> bool:
    """Whether the mailbox listed only its newest for this recipient."""
    return len(evidence.mails.get(notification["recipient"], [])) == 100


def b7_paid_at_stripe_is_paid_here(evidence: Evidence) -> Line:
    """A complete page that took the right amount from the right account pays its order, unless the order was closed
    before or paid already: then the money is before a person."""
    line = Line("B7", "what was paid at Stripe is paid and fulfilled here", settled=evidence.settled)
    fitting = [row for row in evidence.stripe.paid_sessions if evidence.fits(row)]
    unpaid, unfulfilled = [], []
    for session in fitting:
        order = order_named(session) or ""
        if order not in evidence.paid_orders and not _closed_before(evidence, order):
            unpaid.append(f"{order} ({session['id']})")
        elif evidence.orders[order]["status"] == "paid":
            unfulfilled.append(order)
    line.lacks("orders paid at Stripe and not here", unpaid)
    line.lacks("orders paid and not fulfilled", unfulfilled)
    line.lacks(
        "money that does not fit its order, and no person was asked",
        [
            f"{order_named(row)} ({row['id']})"
            for row in evidence.stripe.paid_sessions
            if order_named(row) in evidence.orders and not evidence.fits(row) and not _asked(evidence, row)
        ],
    )
    line.counted = f"{len(fitting)} of {len(evidence.stripe.paid_sessions)} paid pages fit their order"
    return line


def _closed_before(evidence: Evidence, order: str) -> bool:
    return evidence.orders[order]["status"] == "under_review" and any(
        row["verb"] in ("cancel", "expire") for row in evidence.story_of.get(order, [])
    )


def _asked(evidence: Evidence, session: Row) -> bool:
    order = order_named(session) or ""
    if any(row["outcome"] in ("mismatched", "late", "second") for row in evidence.money_of.get(order, [])):
        return True
    return _accepted_by_a_person(evidence, order)


def b8_nothing_unpaid_is_delivered(evidence: Evidence) -> Line:
    """Whatever this house says, an order is paid when Stripe says so, or when a person accepted money that is there."""
    line = Line("B8", "nothing is paid or fulfilled here that was not paid at Stripe", settled=evidence.settled)
    fitting = {order_named(row) for row in evidence.stripe.paid_sessions if evidence.fits(row)}
    some = {order_named(row) for row in evidence.stripe.paid_sessions}
    line.breaks(
        "orders counted as paid without money that fits",
        [
            f"{order} ({evidence.orders[order]['status']})"
            for order in sorted(evidence.paid_orders)
            if order not in fitting and not (order in some and _accepted_by_a_person(evidence, order))
        ],
    )
    line.counted = f"{len(evidence.paid_orders)} orders paid here"
    return line


def _accepted_by_a_person(evidence: Evidence, order: str) -> bool:
    return any(
        row["verb"] == "pay" and str(row["by"]).startswith(_BY_A_PERSON) for row in evidence.story_of.get(order, [])
    )


def b9_nothing_is_in_flight(evidence: Evidence) -> Line:
    """Once everything has settled no durable row waits. Dead rows are work that was given up, at any time."""
    line = Line("B9", "nothing is in flight and nothing was given up", settled=evidence.settled)
    waiting, dead, parked = [], [], []
    for row in evidence.unfinished:
        text = f"{row.place} {row.id}" + (f" ({row.error[:80]})" if row.error else "")
        if row.state == "ready":
            waiting.append(text)
        elif row.state == "dead":
            dead.append(text)
        elif row.state == "parked":
            parked.append(text)
    line.lacks("durable rows that still wait", waiting)
    line.breaks("durable rows that were given up", dead)
    pending = [row["event_id"] for row in evidence.stripe.deliveries if row["state"] == "pending"]
    line.lacks("deliveries that Stripe still has to make", pending)
    line.counted = f"{len(waiting)} waiting, {len(dead)} dead, {len(parked)} parked for a person"
    return line


LINES = (
    b1_acknowledged_is_stored,
    b2_each_took_effect_once,
    b3_one_entitlement_per_unit,
    b4_one_resource_per_entitlement,
    b5_one_machine_per_resource,
    b6_one_welcome_per_service,
    b7_paid_at_stripe_is_paid_here,
    b8_nothing_unpaid_is_delivered,
    b9_nothing_is_in_flight,
)
