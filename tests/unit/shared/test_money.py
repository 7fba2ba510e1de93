"""One table of currencies: what an amount is, how it is written, and which amounts Stripe would refuse."""

import ast
import re
from decimal import Decimal
from pathlib import Path

import pytest
from babel.numbers import format_currency

from sandbox.stripe import money as stripe
from shared.kernel import CURRENCIES, Currency, Money, amount_problem, charge_problem, written
from tests.support.make_currencies import TARGET, currencies

EVERY = sorted(CURRENCIES.values())


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1200, "EUR", "€12.00"),
        (-5, "USD", "-$0.05"),
        (123456789, "USD", "$1,234,567.89"),
        (1200, "JPY", "¥1,200"),
        (1200, "KWD", "KWD\u00a01.200"),
        (1200, "CHF", "CHF\u00a012.00"),
        (1200, "AUD", "A$12.00"),
        (50_000, "ISK", "ISK\u00a0500"),
        (50_050, "ISK", "ISK\u00a0500.50"),
        (123_400, "UGX", "UGX\u00a01,234"),
        (9007199254740993, "EUR", "€90,071,992,547,409.93"),
        (7, "XYZ", "7 minor units of XYZ"),
    ],
)
def test_money_is_written_with_its_currencys_own_decimals(amount: int, currency: str, text: str) -> None:
    assert written(amount, currency) == text
    if currency in CURRENCIES:
        assert str(Money(amount, currency)) == text


@pytest.mark.parametrize("currency", EVERY, ids=lambda currency: currency.code)
def test_every_currency_is_written_as_cldr_writes_it(currency: Currency) -> None:
    for units in (0, 1, 7, 123_456, -98_765):
        amount = units * currency.step
        pattern = "¤#,##0" + ("." + "0" * currency.digits if currency.digits else "")
        value = Decimal(amount).scaleb(-currency.exponent)
        expected = format_currency(value, currency.code, pattern, locale="en", currency_digits=False)
        # babel leaves out CLDR's rule that a space stands between letters and figures.
        assert written(amount, currency.code) == re.sub(r"^(-?[A-Za-z.\u202f]+)(?=\d)", "\\1\u00a0", expected)


@pytest.mark.parametrize("currency", ["XYZ", "eur", "EURO", "", "BTC"])
def test_a_currency_nobody_knows_makes_no_money(currency: str) -> None:
    with pytest.raises(ValueError, match="not a currency"):
        Money(1, currency)
    assert "not a currency" in (charge_problem(1000, currency) or "")


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (49, "EUR", "The smallest amount that can be charged is €0.50."),
        (50, "EUR", None),
        (49, "JPY", "The smallest amount that can be charged is ¥50."),
        (99_999_999, "USD", None),
        (100_000_000, "USD", "The largest amount that can be charged is $999,999.99."),
        (999_999_999_999, "IDR", None),
        (100_000_000, "KWD", "The largest amount that can be charged is KWD\u00a099,999.990."),
        (1234, "KWD", "Kuwaiti Dinar amounts have two decimals: the last digit of the minor units must be 0."),
        (1230, "KWD", None),
        (150, "ISK", "Icelandic Króna amounts have no decimals: the last two digits of the minor units must be 00."),
        (500, "UGX", None),
        (-1, "EUR", "An amount cannot be negative."),
        (0, "EUR", "The smallest amount that can be charged is €0.50."),
    ],
)
def test_what_stripe_would_refuse_to_charge_has_a_reason(amount: int, currency: str, words: str | None) -> None:
    assert charge_problem(amount, currency) == words


def test_a_fee_beside_a_price_may_be_small_or_nothing() -> None:
    assert amount_problem(0, "EUR") is None
    assert amount_problem(1, "EUR") is None
    assert amount_problem(1, "ISK") is not None


@pytest.mark.parametrize("currency", EVERY, ids=lambda currency: currency.code)
def test_the_least_and_the_largest_amount_of_every_currency_can_be_charged(currency: Currency) -> None:
    largest = currency.largest - currency.largest % currency.step
    assert charge_problem(currency.minimum, currency.code) is None
    assert charge_problem(largest, currency.code) is None
    assert charge_problem(largest + currency.step, currency.code) is not None
    assert charge_problem(currency.minimum - 1, currency.code) is not None


def test_the_table_is_what_its_generator_writes() -> None:
    assert TARGET.read_text() == currencies()


def test_the_stand_in_for_stripe_knows_the_same_currencies_by_itself() -> None:
    assert {code.upper() for code in stripe.CURRENCIES} == set(CURRENCIES)
    for code in stripe.CURRENCIES:
        for amount in (1, 9, 10, 49, 50, 100, 150, 17_499, 17_500, 99_999_999, 10**8, 10**9, 10**10, 10**12):
            refused = charge_problem(amount, code.upper()) is not None
            assert (stripe.refusal(amount, code) is not None) == refused, (amount, code)


def test_no_other_table_of_currencies_is_kept() -> None:
    """A second table disagrees sooner or later: nothing we ship names many currencies but the generated one."""
    for path in (path for room in ("ez", "gateway", "services", "shared") for path in Path(room).rglob("*.py")):
        if path == TARGET:
            continue
        words = {
            word
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            for word in re.findall(r"\b[A-Z]{3}\b", node.value)
        }
        assert len(words & set(CURRENCIES)) <= 4, path
