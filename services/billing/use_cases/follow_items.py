"""What catalog says of an order's items moves their subscription: delivered, ended, restored."""

from sqlalchemy.dialects.postgresql import insert

from services.billing.domain import PaymentGroup, PaymentGroupItem, PaymentGroupUnit
from services.billing.domain.payment_group import WITH_DELIVERY
from services.billing.domain.stripe_task import ADJUST_SUBSCRIPTION, RESCHEDULE_SUBSCRIPTION, START_SUBSCRIPTION
from services.billing.use_cases.payment_groups import groups_of_order, item_of
from services.billing.use_cases.schedule import schedule
from shared.contracts.catalog import EntitlementEnded, EntitlementRestored, ItemDelivered
from shared.database import UnitOfWork


async def follow_delivery(work: UnitOfWork, event: ItemDelivered) -> None:
    """An item runs: the billing clock of its group starts once all of the group do. Only the first word counts."""
    found = item_of(await groups_of_order(work, event.order_id), event.item_id)
    if found is None:
        return
    group, item = found
    item.delivered_at = item.delivered_at or event.delivered_at
    await _begin(work, group)


async def follow_unit(work: UnitOfWork, event: EntitlementEnded | EntitlementRestored) -> None:
    """A unit is over, or is valid again: the subscription is to charge what lives. Older versions change nothing."""
    found = item_of(await groups_of_order(work, event.order_id), event.item_id)
    if found is None:
        return
    group, item = found
    live = isinstance(event, EntitlementRestored)
    if not await _note_unit(work, item, event.entitlement_id, live=live, version=event.version):
        return
    item.live_units = min(max(item.live_units + (1 if live else -1), 0), item.quantity)
    group.revision += 1
    await schedule(work, ADJUST_SUBSCRIPTION, f"adjust:{group.id}:{group.revision}", {"group_id": group.id})
    await _begin(work, group)


async def _note_unit(
    work: UnitOfWork, item: PaymentGroupItem, entitlement_id: str, *, live: bool, version: int
) -> bool:
    """Whether this changes what lives. A unit nobody spoke of lives."""
    await work.session.flush()
    known = await work.session.get(PaymentGroupUnit, entitlement_id)
    if known is not None and known.version >= version:
        return False
    lived = known.live if known is not None else True
    values = {"group_item_id": item.id, "live": live, "version": version}
    statement = insert(PaymentGroupUnit).values(entitlement_id=entitlement_id, **values)
    await work.session.execute(
        statement.on_conflict_do_update(index_elements=[PaymentGroupUnit.entitlement_id], set_=values)
    )
    if known is not None:
        await work.session.refresh(known)
    return lived != live


async def _begin(work: UnitOfWork, group: PaymentGroup) -> None:
    """Everything that is left of the group runs: its subscription starts, or its next charge moves by the delay."""
    if group.delivered_at is None:
        return
    if group.starts == WITH_DELIVERY:
        if group.stripe_subscription_id is None:
            await schedule(work, START_SUBSCRIPTION, f"start:{group.id}:{group.revision}", {"group_id": group.id})
        return
    delay = group.delay()
    if delay is not None and group.rescheduled_to is None:
        await schedule(
            work,
            RESCHEDULE_SUBSCRIPTION,
            f"reschedule:{group.id}",
            {"group_id": group.id, "seconds": round(delay.total_seconds())},
        )
