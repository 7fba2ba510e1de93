"""The lines of an invoice: a subscription item's period, or something billed once."""

from dataclasses import dataclass

from sandbox.stripe.ids import new_id
from sandbox.stripe.store import JsonObject


@dataclass(frozen=True)
class Line:
    """One line to bill. `item` is the subscription item, None for a one-time line. `free`: a trial's time."""

    price: JsonObject
    quantity: int
    description: str
    start: int
    end: int
    item: JsonObject | None = None
    free: bool = False

    @property
    def amount(self) -> int:
        """Minor units."""
        return 0 if self.free else int(self.price["unit_amount"]) * self.quantity

    def build(self, invoice_id: str, subscription: JsonObject | None, currency: str) -> JsonObject:
        """Stripe's `line_item` object, part of that invoice."""
        return {
            "id": new_id("line_item"),
            "object": "line_item",
            "amount": self.amount,
            "currency": currency,
            "description": self.description,
            "discount_amounts": [],
            "discountable": True,
            "discounts": [],
            "invoice": invoice_id,
            "livemode": False,
            "metadata": dict(subscription["metadata"]) if subscription and self.item else {},
            "parent": self._parent(subscription["id"] if subscription else None),
            "period": {"end": self.end, "start": self.start},
            "pretax_credit_amounts": [],
            "pricing": {
                "price_details": {"price": self.price["id"], "product": self.price["product"]},
                "type": "price_details",
                "unit_amount_decimal": self.price["unit_amount_decimal"],
            },
            "quantity": self.quantity,
            "quantity_decimal": str(self.quantity),
            "subtotal": self.amount,
            "taxes": [],
        }

    def _parent(self, subscription_id: str | None) -> JsonObject:
        details = {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription_id,
        }
        if self.item is not None:
            return {
                "invoice_item_details": None,
                "subscription_item_details": {**details, "subscription_item": self.item["id"]},
                "type": "subscription_item_details",
            }
        return {
            "invoice_item_details": {**details, "invoice_item": new_id("invoiceitem")},
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
