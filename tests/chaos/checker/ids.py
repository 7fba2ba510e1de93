"""Public ids from stored ones, and references on machines: from the specification, not from the product."""

import re
from uuid import UUID

# Crockford's base 32, as the TypeID specification fixes it (https://github.com/jetify-com/typeid/tree/main/spec).
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_REFERENCE = re.compile(r"svc[_-]([0-7][0-9a-hjkmnp-tv-z]{25})")


def typeid(prefix: str, uuid: UUID) -> str:
    """`prefix` and the 128 bits of `uuid` in 26 characters."""
    number = uuid.int
    return prefix + "_" + "".join(_ALPHABET[number >> 5 * place & 31] for place in range(25, -1, -1))


def reference_in(*texts: object) -> str | None:
    """The service id that any of these texts carries, with an underscore or, as in a host name, with a dash."""
    for text in texts:
        found = _REFERENCE.search(str(text or ""))
        if found is not None:
            return f"svc_{found[1]}"
    return None
