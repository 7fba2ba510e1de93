"""What the subscription endpoints accept."""

from sandbox.stripe.errors import StripeError
from sandbox.stripe.form import Raw
from sandbox.stripe.parameters import EXPAND, PAGE, Boolean, Choice, Fields, Integer, Items, Metadata, Parser, Text

STATUSES = (
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
)
_FEEDBACK = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)


class Moment:
    """Seconds since the epoch, or `now`."""

    def parse(self, raw: Raw, name: str) -> int | str:
        """The number, or the word. Raises StripeError."""
        return "now" if raw == "now" else Integer(0).parse(raw, name)


class NoProration:
    """`none`: this sandbox computes no prorations, so it refuses to pretend."""

    def parse(self, raw: Raw, name: str) -> str:
        """The word. Raises StripeError for another one, and for one Stripe does not know."""
        word = Choice(("always_invoice", "create_prorations", "none")).parse(raw, name)
        if word != "none":
            raise StripeError("This sandbox does not compute prorations.", param=name)
        return word


_QUANTITY = Integer(1, 999_999)
_CANCELLATION = Fields({"comment": Text(clears=True), "feedback": Choice(_FEEDBACK)})
_COMMON: dict[str, Parser] = {
    **EXPAND,
    "default_payment_method": Text(),
    "description": Text(500, clears=True),
    "metadata": Metadata(),
    "off_session": Boolean(),
    "proration_behavior": NoProration(),
    "trial_end": Moment(),
}
CREATE = Fields(
    {
        **_COMMON,
        "customer": Text(),
        "items": Items(Fields({"price": Text(), "quantity": _QUANTITY}, required=("price",)), most=20),
    },
    required=("customer", "items"),
)
UPDATE = Fields(
    {
        **_COMMON,
        "cancel_at_period_end": Boolean(),
        "cancellation_details": _CANCELLATION,
        "items": Items(
            Fields(
                {"deleted": Boolean(), "id": Text(), "metadata": Metadata(), "price": Text(), "quantity": _QUANTITY}
            ),
            most=20,
        ),
    }
)
CANCEL = Fields({**EXPAND, "cancellation_details": _CANCELLATION, "invoice_now": Boolean(), "prorate": Boolean()})
LIST = Fields({**PAGE, "customer": Text(), "status": Choice(STATUSES), "test_clock": Text()})
