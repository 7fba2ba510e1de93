"""Writes shared/kernel/currencies.py: `python -m tests.support.make_currencies`, with `--check` to compare only.

Names and symbols are CLDR's (English), taken from babel; which currencies there are, how their amounts are counted and
which amounts are refused is Stripe's (https://docs.stripe.com/currencies), written down here.
"""

import sys
from pathlib import Path

import babel
from babel.core import get_cldr_version
from babel.numbers import get_currency_name, get_currency_precision, get_currency_symbol

TARGET = Path("shared/kernel/currencies.py")

# Presentment currencies, https://docs.stripe.com/currencies#presentment-currencies.
_TWO_DECIMAL = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY COP CRC CVE CZK
    DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD KES KGS KHR KYD KZT LAK
    LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR
    RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD TZS UAH UGX USD UYU UZS WST XCD XCG
    YER ZAR ZMW
"""
# https://docs.stripe.com/currencies#zero-decimal. Stripe lists UGX there too, but see below.
_ZERO_DECIMAL = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
# https://docs.stripe.com/currencies#three-decimal: the last digit must be 0.
_THREE_DECIMAL = "BHD JOD KWD OMR TND"
# https://docs.stripe.com/currencies#special-cases: no decimals in life, two of them at Stripe, and these must be 00.
# (HUF and TWD are like this in payouts only, which we never ask for.)
_DECIMALS_ARE_ZERO = "ISK UGX"

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, in minor units. A currency that is not listed
# has no published minimum: after conversion, that of the currency we are paid out in applies.
_MINIMUM = """
    USD 50, AED 200, ARS 50, AUD 50, BRL 50, CAD 50, CHF 50, COP 50, CZK 1500, DKK 250, EUR 50, GBP 30, HKD 400,
    HUF 17500, IDR 50, ILS 50, INR 50, JPY 50, KRW 50, MXN 1000, MYR 200, NOK 300, NZD 50, PHP 50, PLN 200, RON 200,
    RUB 50, SEK 300, SGD 50, THB 1000, ZAR 50
"""
_LARGEST = {"COP": 10**10 - 1, "IDR": 10**12 - 1, "INR": 10**9 - 1}
_EIGHT_DIGITS = 10**8 - 1

_HEAD = '''"""The currencies money can be taken in. Written by `python -m tests.support.make_currencies`: do not edit.

Names and symbols: CLDR {cldr} (English) by way of babel {babel}. How amounts are counted and which are refused: Stripe,
https://docs.stripe.com/currencies.
"""

from typing import NamedTuple


class Currency(NamedTuple):
    """A currency, and the amounts in it that Stripe takes; every amount counts minor units.

    exponent: decimal digits of the minor unit, as Stripe counts. digits: how many of them are shown (the others are
    always 0). step: what every amount must be a multiple of. minimum, largest: of one charge.
    """

    code: str
    name: str
    symbol: str
    exponent: int
    digits: int
    step: int
    minimum: int
    largest: int


_ROWS = (
'''

_FOOT = """)

CURRENCIES: dict[str, Currency] = {currency.code: currency for currency in _ROWS}
"""


def _minimum(code: str, step: int) -> int:
    listed = dict(pair.split() for pair in _MINIMUM.split(","))
    return int(listed.get(code, step))


def _row(code: str, exponent: int) -> str:
    whole_only = code in _DECIMALS_ARE_ZERO.split()
    digits = min(exponent, get_currency_precision(code)) if whole_only else exponent
    step = 100 if whole_only else 10 if exponent == 3 else 1
    minimum, largest = _minimum(code, step), _LARGEST.get(code, _EIGHT_DIGITS)
    name, symbol = get_currency_name(code, locale="en"), get_currency_symbol(code, locale="en")
    return f'    Currency("{code}", "{name}", "{symbol}", {exponent}, {digits}, {step}, {minimum}, {largest}),\n'


def currencies() -> str:
    """The module's text."""
    counted = ((_ZERO_DECIMAL, 0), (_TWO_DECIMAL, 2), (_THREE_DECIMAL, 3))
    exponents = {code: exponent for codes, exponent in counted for code in codes.split()}
    rows = [_row(code, exponent) for code, exponent in sorted(exponents.items())]
    return _HEAD.format(cldr=get_cldr_version(), babel=babel.__version__) + "".join(rows) + _FOOT


def main(*, only_check: bool) -> int:
    """Writes the module, or says that it is out of date (exit code 1)."""
    if only_check:
        if TARGET.read_text() == currencies():
            return 0
        print(f"{TARGET} is out of date: run `python -m tests.support.make_currencies`")
        return 1
    TARGET.write_text(currencies())
    return 0


if __name__ == "__main__":
    sys.exit(main(only_check="--check" in sys.argv[1:]))
