"""Currencies: which exist, how many decimals they have, what is refused, and how a person reads an amount."""


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# https://docs.stripe.com/currencies (presentment currencies), minor units as Stripe counts them.
_ZERO_DECIMAL = _codes("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
_THREE_DECIMAL = _codes("bhd jod kwd omr tnd")
_TWO_DECIMAL = _codes(
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf cny cop crc cve "
    "czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf idr ils inr isk jmd kes kgs khr kyd "
    "kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php "
    "pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah ugx usd uyu "
    "uzs wst xcd xcg yer zar zmw"
)
CURRENCIES = _ZERO_DECIMAL | _TWO_DECIMAL | _THREE_DECIMAL
# Counted with two decimals, and these must be 00 (https://docs.stripe.com/currencies#special-cases).
_WHOLE_ONLY = _codes("isk ugx")

# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts, in minor units.
MINIMUM_CHARGE = {
    **dict.fromkeys(_codes("usd ars aud brl cad chf cop eur idr ils inr jpy krw nzd php rub sgd zar"), 50),
    **dict.fromkeys(_codes("aed myr pln ron"), 200),
    **dict.fromkeys(_codes("nok sek"), 300),
    **dict.fromkeys(_codes("mxn thb"), 1000),
    "gbp": 30,
    "dkk": 250,
    "hkd": 400,
    "czk": 1500,
    "huf": 17500,
}
_MAXIMUM_DIGITS = {"inr": 9, "cop": 10, "idr": 12}
_DIGITS = 8
# Of any currency.
MAXIMUM_CHARGE = 10 ** max(_MAXIMUM_DIGITS.values()) - 1

_SYMBOLS = {"eur": "€", "usd": "$", "gbp": "£", "jpy": "¥"}


def refusal(amount: int, currency: str) -> tuple[str, str] | None:
    """The code and the words with which Stripe refuses to charge this amount, or None."""
    step = 100 if currency in _WHOLE_ONLY else 10 if currency in _THREE_DECIMAL else 1
    smallest, largest = MINIMUM_CHARGE.get(currency, step), 10 ** _MAXIMUM_DIGITS.get(currency, _DIGITS) - 1
    if amount % step:
        return "parameter_invalid_integer", f"Amounts in {currency} must be a multiple of {step}"
    if amount < smallest:
        return "amount_too_small", f"total amount due must add up to at least {readable(smallest, currency)} {currency}"
    if amount > largest:
        return "amount_too_large", f"total amount must be no more than {readable(largest, currency)}"
    return None


def readable(amount: int, currency: str) -> str:
    """An amount in minor units as a person reads it: 1200, "eur" -> "€12.00"."""
    decimals = 0 if currency in _ZERO_DECIMAL else 3 if currency in _THREE_DECIMAL else 2
    whole, fraction = divmod(abs(amount), 10**decimals)
    digits = f"{whole:,}" + (f".{fraction:0{decimals}d}" if decimals else "")
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{digits}" if symbol else f"{sign}{currency.upper()} {digits}"
