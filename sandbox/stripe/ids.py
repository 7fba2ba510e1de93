"""Identifiers in the shapes Stripe gives them."""

import secrets
import string

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase

# Object kind -> (prefix, length of the random part).
_SHAPES: dict[str, tuple[str, int]] = {
    "customer": ("cus_", 14),
    "product": ("prod_", 14),
    "price": ("price_1", 23),
    "checkout.session": ("cs_test_a1", 56),
    "item": ("li_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "invoice": ("in_1", 23),
    "line_item": ("il_1", 23),
    "invoiceitem": ("ii_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "charge": ("ch_3", 23),
    "refund": ("re_3", 23),
    "test_helpers.test_clock": ("clock_1", 23),
    "event": ("evt_1", 23),
    "request": ("req_", 14),
}
_KIND_OF_PREFIX = {shape[0].split("_", maxsplit=1)[0]: kind for kind, shape in _SHAPES.items() if kind != "request"}


def token(length: int) -> str:
    """A random base-62 string: guessing it is as hard as guessing one of Stripe's."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_id(kind: str) -> str:
    """A new identifier for an object of that kind, for example `cus_...` for a customer."""
    prefix, length = _SHAPES[kind]
    return prefix + token(length)


def kind_of(identifier: str) -> str | None:
    """The kind of object an identifier names, by its prefix; None when the prefix is not one of ours."""
    return _KIND_OF_PREFIX.get(identifier.split("_", maxsplit=1)[0])
