"""Money is an integer count of a currency's minor unit. Floats never touch it."""

import unicodedata
from dataclasses import dataclass

from shared.kernel.currencies import CURRENCIES, Currency

_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (cents) of a currency we know. Arithmetic never mixes currencies.

    Raises ValueError for any other currency.
    """

    amount_minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount_minor) is not int:
            raise TypeError("an amount is an integer of minor units")
        if self.currency not in CURRENCIES:
            raise ValueError(f"{self.currency!r} is not a currency that can be charged")

    def __add__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same_currency(other)
        return Money(self.amount_minor - other.amount_minor, self.currency)

    def __mul__(self, quantity: int) -> "Money":
        if type(quantity) is not int:
            raise TypeError("money is multiplied by whole quantities only")
        return Money(self.amount_minor * quantity, self.currency)

    def _same_currency(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(f"cannot mix {self.currency} and {other.currency}")

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, in `currency`."""
        return cls(0, currency)

    def __str__(self) -> str:
        return written(self.amount_minor, self.currency)


def written(amount_minor: int, currency: str) -> str:
    """An amount as people read it, in English as CLDR has it: `€1,200.00`, `¥1,200`, `KWD 1.200`, `-CHF 0.05`.

    Pages, mails and messages all use this. A currency nobody knows (Stripe may add one) is shown as it came.
    """
    known = CURRENCIES.get(currency.upper())
    if known is None:
        return f"{amount_minor:,} minor units of {currency.upper()}"
    return f"{'-' if amount_minor < 0 else ''}{_symbol(known)}{_figures(abs(amount_minor), known)}"


def _symbol(currency: Currency) -> str:
    # CLDR, currencySpacing: a space stands after what is not a symbol, so `CHF 5` and `A$5`.
    is_symbol = unicodedata.category(currency.symbol[-1]).startswith("S")
    return currency.symbol if is_symbol else f"{currency.symbol}{_NBSP}"


def _figures(amount: int, currency: Currency) -> str:
    whole, rest = divmod(amount, 10**currency.exponent)
    decimals = f"{rest:0{currency.exponent}d}" if currency.exponent else ""
    if not rest:
        decimals = decimals[: currency.digits]
    return f"{whole:,}.{decimals}" if decimals else f"{whole:,}"


def amount_problem(amount_minor: int, currency: str) -> str | None:
    """Why Stripe would refuse this amount wherever it stands (a price, a fee, a line, a total), or None.

    The rules are those of https://docs.stripe.com/currencies; the words are for staff and customers alike.
    """
    known = CURRENCIES.get(currency)
    if known is None:
        return f"{currency} is not a currency that can be charged."
    if amount_minor < 0:
        return "An amount cannot be negative."
    if amount_minor % known.step:
        if known.digits < known.exponent:
            return f"{known.name} amounts have no decimals: the last two digits of the minor units must be 00."
        return f"{known.name} amounts have two decimals: the last digit of the minor units must be 0."
    if amount_minor > known.largest:
        largest = known.largest - known.largest % known.step
        return f"The largest amount that can be charged is {written(largest, currency)}."
    return None


def charge_problem(amount_minor: int, currency: str) -> str | None:
    """Why Stripe would refuse to charge this amount by itself, or None: as `amount_problem`, and not below the
    currency's minimum. A price is charged by itself when it renews."""
    problem = amount_problem(amount_minor, currency)
    if problem is not None:
        return problem
    minimum = CURRENCIES[currency].minimum
    return (
        f"The smallest amount that can be charged is {written(minimum, currency)}." if amount_minor < minimum else None
    )
