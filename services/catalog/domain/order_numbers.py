"""The numbers people quote for orders: drawn, so that a number given out before a backup was restored never returns."""

import re
import secrets

from shared.kernel.ids import ALPHABET

# Crockford's base 32: no I, L, O or U, which are read for one another.
_DRAWN = 7
_LETTERS = ALPHABET.upper()
_READ_AS = str.maketrans("OIL", "011")
_NUMBER = re.compile(r"(EZ-?)?([0-9A-Z]{6,18})")


def draw_number() -> str:
    """A number such as `EZ-7K3M9QX`: one of 34 thousand million, so that nobody guesses the next one."""
    return "EZ-" + "".join(secrets.choice(_LETTERS) for _ in range(_DRAWN))


def number_in(text: str) -> tuple[str, bool] | None:
    """The order number somebody typed, and whether it can be nothing else; None when it is none.

    Read as Crockford's base 32 asks: small letters are capital ones, O is 0, I and L are 1. Numbers of before, such as
    `EZ-100123`, are digits only.
    """
    found = _NUMBER.fullmatch(text.strip().upper())
    if found is None:
        return None
    digits = found[2].translate(_READ_AS)
    if not (digits.isdecimal() or len(digits) == _DRAWN):
        return None
    return f"EZ-{digits}", bool(found[1]) or found[2].isdecimal()
