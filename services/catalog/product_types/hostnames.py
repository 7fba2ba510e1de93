"""Names of machines: which are acceptable, how several of one item are told apart, and one when none was asked for."""

import re
import secrets

LONGEST = 253
_LONGEST_LABEL = 63
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
# Without the vowels, and without characters that are read for one another.
_ALPHABET = "bcdfghjkmnpqrstvwxz23456789"


def checked_hostname(text: str) -> str:
    """`text` in lower case, once it is a host name by RFC 1123, section 2.1.

    Raises ValueError, in words for a person, when it is not. A name whose last label is only digits is refused too:
    the same section asks for that, so that a name is never mistaken for an IPv4 address.
    """
    name = text.lower() if text.isascii() else ""
    labels = name.split(".")
    if len(name) > LONGEST:
        raise ValueError(f"a host name has at most {LONGEST} characters")
    if any(len(label) > _LONGEST_LABEL or not _LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            "use letters, digits and hyphens in parts of at most 63 characters, separated by dots; "
            "a part neither begins nor ends with a hyphen"
        )
    if labels[-1].isdigit():
        raise ValueError("the last part must not be only digits")
    return name


def checked_domain(text: str) -> str:
    """`text` in lower case, once it is a host name of at least two parts. Raises ValueError in words for a person."""
    try:
        name = checked_hostname(text)
    except ValueError as error:
        raise ValueError(f"Not a domain name: {error}.") from error
    if "." not in name:
        raise ValueError("Not a domain name: it needs its ending too, as in example.com.")
    return name


def numbered(hostname: str, ordinal: int, quantity: int) -> str:
    """The name of the `ordinal`-th (from 1) of `quantity` machines: `web.example.com` → `web-2.example.com`."""
    if quantity == 1:
        return hostname
    first, dot, rest = hostname.partition(".")
    return f"{first}-{ordinal}{dot}{rest}"


def suggested(product_type: str) -> str:
    """A name for a machine nobody named, such as `vps-k3n9xw`."""
    return f"{product_type}-{''.join(secrets.choice(_ALPHABET) for _ in range(6))}"
