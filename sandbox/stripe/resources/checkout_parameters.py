"""What the Checkout Session endpoints accept."""

from sandbox.stripe.money import MAXIMUM_CHARGE
from sandbox.stripe.parameters import (
    EXPAND,
    PAGE,
    Boolean,
    Choice,
    Currency,
    Email,
    Fields,
    Integer,
    Items,
    Metadata,
    Text,
    Url,
)
from sandbox.stripe.resources.prices import RECURRING

_PRODUCT_DATA = Fields(
    {"name": Text(), "description": Text(40000), "images": Items(Url(), most=8), "metadata": Metadata()},
    required=("name",),
)
_PRICE_DATA = Fields(
    {
        "currency": Currency(),
        "product": Text(),
        "product_data": _PRODUCT_DATA,
        "recurring": RECURRING,
        "tax_behavior": Choice(("exclusive", "inclusive", "unspecified")),
        "unit_amount": Integer(0, MAXIMUM_CHARGE),
    },
    required=("currency",),
)
_LINE_ITEM = Fields(
    {
        "metadata": Metadata(),
        "price": Text(),
        "price_data": _PRICE_DATA,
        "quantity": Integer(1, 999_999),
    }
)
CREATE = Fields(
    {
        **EXPAND,
        "automatic_tax": Fields({"enabled": Boolean()}, required=("enabled",)),
        "billing_address_collection": Choice(("auto", "required")),
        "cancel_url": Url(),
        "client_reference_id": Text(200),
        "currency": Currency(),
        "customer": Text(),
        "customer_creation": Choice(("always", "if_required")),
        "customer_email": Email(),
        "expires_at": Integer(0),
        "integration_identifier": Text(200),
        "invoice_creation": Fields(
            {
                "enabled": Boolean(),
                "invoice_data": Fields({"description": Text(1500, clears=True), "metadata": Metadata()}),
            },
            required=("enabled",),
        ),
        "line_items": Items(_LINE_ITEM),
        "locale": Text(20),
        "metadata": Metadata(),
        "mode": Choice(("payment", "subscription")),
        "payment_intent_data": Fields(
            {
                "description": Text(1000),
                "metadata": Metadata(),
                "setup_future_usage": Choice(("off_session", "on_session")),
            }
        ),
        "payment_method_collection": Choice(("always",)),
        "submit_type": Choice(("auto", "book", "donate", "pay", "subscribe")),
        "subscription_data": Fields({"description": Text(500), "metadata": Metadata()}),
        "success_url": Url(),
        "ui_mode": Choice(("hosted_page",)),
    }
)
UPDATE = Fields({**EXPAND, "metadata": Metadata()})
LIST = Fields(
    {
        **PAGE,
        "customer": Text(),
        "customer_details": Fields({"email": Email()}, required=("email",)),
        "payment_intent": Text(),
        "status": Choice(("complete", "expired", "open")),
        "subscription": Text(),
    }
)
LINE_ITEMS = Fields({**EXPAND, "limit": Integer(1, 100), "starting_after": Text(), "ending_before": Text()})
