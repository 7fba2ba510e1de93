"""The plans a product type brings to a new installation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MONTHS_PER_YEAR_PAID = 10


@dataclass(frozen=True, slots=True)
class PlanSeed:
    """One plan; amounts are minor units. `per_month` and `per_year` map a currency to an amount.

    Whoever pays per month may also pay per year, at ten months and without the set-up fee. `features` are what the
    plan's card says after the sizes, which it reads from `spec`. `options` are the choices of the type's fields, by
    key, each as a value and its label.
    """

    code: str
    name: str
    tagline: str
    description: str
    features: tuple[str, ...]
    spec: Mapping[str, Any]
    per_month: Mapping[str, int] = field(default_factory=dict)
    per_year: Mapping[str, int] = field(default_factory=dict)
    setup_fee: Mapping[str, int] = field(default_factory=dict)
    availability: str = "announced"
    recommended: bool = False
    options: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def prices(self) -> Iterator[tuple[str, str, int, int]]:
        """Currency, interval, amount and set-up fee of each price."""
        for currency, amount in self.per_month.items():
            yield currency, "month", amount, self.setup_fee.get(currency, 0)
            yield currency, "year", amount * MONTHS_PER_YEAR_PAID, 0
        for currency, amount in self.per_year.items():
            yield currency, "year", amount, self.setup_fee.get(currency, 0)
