"""Stripe's form encoding: `a[b][0][c]=1` describes nested maps and lists.

Values stay strings here; parameters.py gives them types. A list is a map with numeric keys; `a[]=x` appends.
"""

import re
from typing import TypeAlias
from urllib.parse import parse_qsl

from sandbox.stripe.errors import StripeError

Raw: TypeAlias = "str | dict[str, Raw]"

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_MAX_DEPTH = 8
_MAX_FIELDS = 2000


def parse(encoded: bytes) -> dict[str, Raw]:
    """The nested parameters of a query string or form body. Raises StripeError for malformed input."""
    try:
        pairs = parse_qsl(encoded.decode("utf-8"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:  # UnicodeDecodeError is one
        raise StripeError("Invalid request body: it must be form-encoded UTF-8.") from error
    result: dict[str, Raw] = {}
    for key, value in pairs:
        _insert(result, _path(key), value, key)
    return result


def _path(key: str) -> list[str]:
    match = _KEY.match(key)
    if match is None:
        raise StripeError(f"Invalid parameter name: {key}", param=key)
    path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    if len(path) > _MAX_DEPTH:
        raise StripeError(f"Parameter is nested too deeply: {key}", param=key)
    return path


def _insert(target: dict[str, Raw], path: list[str], value: str, key: str) -> None:
    for part in path[:-1]:
        child = target.setdefault(part or str(len(target)), {})
        if not isinstance(child, dict):
            raise StripeError(f"Parameter given both as a value and as a map: {key}", param=key)
        target = child
    last = path[-1] or str(len(target))
    if isinstance(target.get(last), dict):
        raise StripeError(f"Parameter given both as a value and as a map: {key}", param=key)
    target[last] = value
