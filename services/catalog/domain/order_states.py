"""The states of an order, every move between them, and the words for a move that is refused."""

from shared.kernel import Lifecycle

ORDER = Lifecycle(
    "order",
    "awaiting_payment",
    moves={
        ("awaiting_payment", "pay"): "paid",
        ("awaiting_payment", "cancel"): "canceled",
        ("awaiting_payment", "expire"): "expired",
        ("awaiting_payment", "hold"): "under_review",
        ("canceled", "hold"): "under_review",
        ("expired", "hold"): "under_review",
        ("under_review", "pay"): "paid",
        ("paid", "fulfill"): "fulfilled",
    },
    repeats={
        "pay": ["paid", "fulfilled"],
        "cancel": ["canceled"],
        "expire": ["expired"],
        "hold": ["under_review"],
        "fulfill": ["fulfilled"],
    },
)

# Why an order is under review, by the state it was in when the money came.
REVIEW_REASONS = {
    "awaiting_payment": "payment_mismatch",
    "canceled": "paid_after_cancel",
    "expired": "paid_after_expiry",
}
NOT_PAYABLE = {
    "under_review": "We are checking a payment for this order. There is nothing more to pay now.",
    "paid": "This order is paid already.",
    "fulfilled": "This order is paid already.",
    "canceled": "This order was canceled. Place a new order.",
    "expired": "The time to pay for this order has run out. Place a new order.",
}
