"""Stripe's published test cards (https://docs.stripe.com/testing) and what each of them does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decline:
    """How a payment fails: Stripe's `code`, its `decline_code` and the sentence the payer reads."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Card:
    """A test card. `decline` is how the first payment fails, `renewal_decline` how later ones do; `challenge`
    asks the payer to authenticate first."""

    number: str
    brand: str
    title: str
    summary: str
    decline: Decline | None = None
    renewal_decline: Decline | None = None
    challenge: bool = False

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]


GENERIC_DECLINE = Decline("card_declined", "generic_decline", "Your card was declined.")
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)

CARDS = {
    card.number: card
    for card in (
        Card("4242424242424242", "visa", "Payment succeeds", "Charged at once"),
        Card(
            "4000002760003184",
            "visa",
            "Authentication required",
            "The bank asks for 3-D Secure first",
            challenge=True,
        ),
        Card("4000000000000002", "visa", "Card declined", "The bank says no", decline=GENERIC_DECLINE),
        Card(
            "4000000000009995",
            "visa",
            "Insufficient funds",
            "Not enough money on the account",
            decline=Decline("card_declined", "insufficient_funds", "Your card has insufficient funds."),
        ),
        Card(
            "4000000000000341",
            "visa",
            "Renewals fail",
            "The first payment succeeds, later ones do not",
            renewal_decline=GENERIC_DECLINE,
        ),
    )
}
SUCCEEDS, AUTHENTICATES, DECLINES = "4242424242424242", "4000002760003184", "4000000000000002"
