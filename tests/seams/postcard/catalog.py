"""What a postcard is to the catalogue: who gets it, what it says, and which picture is on it."""

from collections.abc import Mapping
from typing import Any

from services.catalog.product_types.base import Configured, Options, ProductType, Unit, choices, labelled
from services.catalog.product_types.plan_seeds import PlanSeed
from shared.contracts.reads.catalog import FieldView
from shared.contracts.reads.common import LabelledValue

_STAMPED = "A stamp, and a wish"


class Postcard(ProductType):
    """A card by post, every month or every year."""

    code = "postcard"
    name = "Postcard"
    unit = "postcard"
    units = "postcards"
    group = "Postcards"
    max_quantity = 3
    seeds = (
        PlanSeed(
            code="postcard-classic",
            name="Classic postcard",
            tagline="A greeting on paper",
            description="One card by post, each time it renews.",
            features=(_STAMPED,),
            spec={"millimetres": "105 x 148"},
            per_month={"EUR": 300},
            availability="open",
            options={"motif": (("lighthouse", "A lighthouse"), ("mountain", "A mountain"))},
        ),
    )

    def fields(self, options: Options) -> list[FieldView]:
        """Recipient, text and motif."""
        motifs = choices(options, "motif")
        return [
            FieldView(key="recipient", label="Recipient", kind="text", required=True, max_length=80),
            FieldView(key="text", label="Text", kind="multiline", required=True, max_length=400),
            FieldView(key="motif", label="Motif", kind="choice", choices=motifs, required=True),
        ]

    def complete(self, configuration: dict[str, Any]) -> Configured:
        """A card is called by who gets it."""
        return Configured(configuration["recipient"], configuration)

    def told_apart(self, configured: Configured, quantity: int) -> list[Unit]:
        """Several cards to one person carry their number."""
        if quantity == 1:
            return [Unit(configured.name)]
        cards = range(1, quantity + 1)
        return [Unit(f"{configured.name}, card {card} of {quantity}", {"card": card}) for card in cards]

    def invoice_name(self, plan_name: str, name: str) -> str:
        """What the card is called on an invoice."""
        return f"{plan_name} to {name}"

    def summary(self, spec: Mapping[str, Any]) -> list[LabelledValue]:
        """The size."""
        return [labelled("millimetres", "Size", f"{spec['millimetres']} mm")]


TYPE = Postcard()
