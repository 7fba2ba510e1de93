"""Identifiers people can read and databases can sort.

An id is a TypeID (https://github.com/jetify-com/typeid/tree/main/spec): a prefix that names the kind of
thing, an underscore, and a UUIDv7 (RFC 9562, section 5.7) in 26 characters of Crockford's base 32. In
PostgreSQL it is a plain `uuid`; everywhere else it is the string, so an order id can never be mistaken
for an account id, in a log as little as in a type checker.
"""

import os
import time
from uuid import UUID

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_SUFFIX_LENGTH = 26


def uuid7(unix_ms: int | None = None) -> UUID:
    """A UUIDv7 of `unix_ms` (default: now): 48 bits of milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    random_bits = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76
    value |= ((random_bits >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= random_bits & 0x3FFFFFFFFFFFFFFF
    return UUID(int=value)


def encode_id(prefix: str, uuid: UUID) -> str:
    """The TypeID of `uuid` under `prefix`, such as `ord_01h455vb4pex5vsknk084sn02q`."""
    number = uuid.int
    characters = []
    for _ in range(_SUFFIX_LENGTH):
        characters.append(ALPHABET[number & 31])
        number >>= 5
    return f"{prefix}_{''.join(reversed(characters))}"


def decode_id(prefix: str, text: str) -> UUID:
    """The UUID inside `text`. Raises ValueError when `text` is not a well-formed id with this prefix."""
    head, separator, suffix = text.rpartition("_")
    if not separator or head != prefix or len(suffix) != _SUFFIX_LENGTH or suffix[0] > "7":
        raise ValueError(f"not a {prefix} id")
    number = 0
    for character in suffix:
        value = _VALUES.get(character)
        if value is None:
            raise ValueError(f"not a {prefix} id")
        number = (number << 5) | value
    return UUID(int=number)


def new_id(prefix: str) -> str:
    """A fresh id of the kind `prefix`; ids made later sort after ids made earlier."""
    return encode_id(prefix, uuid7())


def prefix_of(text: str) -> str:
    """The kind of thing an id names, e.g. `ord`; empty when there is none."""
    return text.rpartition("_")[0]
