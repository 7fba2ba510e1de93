"""I1, I2, I7: what was paid for exists exactly once, and nothing else does."""

from tests.chaos.checker.evidence import Evidence, Row
from tests.chaos.checker.findings import Line


def i1_paid_items_have_their_machine(evidence: Evidence) -> Line:
    """Judged per unit of an item, by walking from the item to the machines that carry its services' references."""
    line = Line("I1", "a paid item has exactly one live machine carrying our reference", settled=evidence.settled)
    missing, several, units, by_hand = [], [], 0, 0
    for item in evidence.items:
        if item["order_id"] not in evidence.paid_orders:
            continue
        living = [row for row in evidence.entitlements_of.get(item["id"], []) if row["status"] != "ended"]
        resources = [found for row in living for found in evidence.resources_of.get(row["id"], [])]
        if resources and all(row["provider"] is None for row in resources):
            by_hand += item["quantity"]
            continue
        wanted = item["quantity"] - (len(evidence.entitlements_of.get(item["id"], [])) - len(living))
        machines = [machine for row in resources for machine in evidence.machines_of.get(row["id"], [])]
        units += wanted
        if len(machines) < wanted or any(not evidence.machines_of.get(row["id"]) for row in resources):
            missing.append(f"{item['id']} of {item['order_id']}")
        if len(machines) > wanted or any(len(evidence.machines_of.get(row["id"], [])) > 1 for row in resources):
            several.append(f"{item['id']} of {item['order_id']}: machines {[machine.vmid for machine in machines]}")
    line.counted = f"{units} paid units, {len(evidence.machines)} machines" + (
        f", {by_hand} by hand" if by_hand else ""
    )
    line.lacks("paid items without their machine", missing)
    line.breaks("paid items with more machines than were paid for", several)
    return line


def i2_no_machine_without_payment(evidence: Evidence) -> Line:
    """A machine that carries a reference of ours belongs to a service of a paid order."""
    line = Line("I2", "no live machine without a paid item", settled=evidence.settled)
    unpaid, unknown, removed, strangers = [], [], [], 0
    for machine in evidence.machines:
        if machine.reference is None:
            strangers += 1
        elif (order := evidence.order_of_machine(machine)) is None:
            unknown.append(f"machine {machine.vmid} carrying {machine.reference}")
        elif order not in evidence.paid_orders:
            status = evidence.orders[order]["status"] if order in evidence.orders else "unknown"
            unpaid.append(f"machine {machine.vmid} of {order} ({status})")
        elif evidence.resources[machine.reference]["status"] == "removed":
            removed.append(f"machine {machine.vmid} carrying {machine.reference}")
    line.counted = f"{len(evidence.machines) - strangers} machines of ours, {strangers} of strangers"
    line.breaks("machines of orders that are not paid", unpaid)
    line.breaks("machines whose reference no service has", unknown)
    line.lacks("machines of services that were removed", removed)
    return line


def i7_active_means_running(evidence: Evidence) -> Line:
    """What a customer is shown as running runs; what does not is shown as stopped or flagged as missing."""
    line = Line("I7", "a service shown active is running, or its drift is flagged", settled=evidence.settled)
    active = [row for row in evidence.resources.values() if row["status"] == "active" and row["provider"]]
    flagged = [row for row in active if row["missing_since"] is not None]
    line.counted = f"{len(active)} active, {len(flagged)} flagged"
    line.lacks(
        "shown running, and not running at the hypervisor", [row["id"] for row in active if _lies(evidence, row)]
    )
    known = {row["id"] for row in active}
    line.breaks(
        "entitlements shown active before their service is",
        [
            f"{row['id']} of {row['order_id']}"
            for row in evidence.entitlements.values()
            if row["status"] == "active" and row["service_id"] not in known and _was_never_active(evidence, row)
        ],
    )
    return line


def _lies(evidence: Evidence, resource: Row) -> bool:
    if resource["missing_since"] is not None or resource["power"] not in ("running", None):
        return False
    return not any(machine.running for machine in evidence.machines_of.get(resource["id"], []))


def _was_never_active(evidence: Evidence, entitlement: Row) -> bool:
    resource = evidence.resources.get(entitlement["service_id"] or "")
    return resource is None or (resource["provider"] is not None and resource["activated_at"] is None)
