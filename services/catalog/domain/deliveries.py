"""When an item counts as delivered: its billing clock starts there."""

from services.catalog.domain.order_items import OrderItem
from services.catalog.domain.orders import Order


def newly_delivered(order: Order) -> list[OrderItem]:
    """The items whose every unit has run, and which were not known as delivered; from now on they are.

    A unit that ended before it ever ran is waited for no more.
    """
    found = []
    for item in order.items:
        awaited = [right for right in order.rights_of({item.id}) if right.activated_at or not right.is_over]
        began = [right.activated_at for right in awaited if right.activated_at is not None]
        if item.delivered_at is None and began and len(began) == len(awaited):
            item.delivered_at = max(began)
            found.append(item)
    return found
