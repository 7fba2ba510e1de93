"""What applying one of Stripe's facts amounted to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Applied:
    """A few words for staff, and the order it was about, when that is known."""

    outcome: str
    order_id: str | None = None
