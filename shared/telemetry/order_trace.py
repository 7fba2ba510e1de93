"""One trace per order: its 32 hex digits are those of the order's own UUID.

So every process finds an order's trace without being told: the request whose path names the order, the fact that
carries its id, and whatever follows from either. `trace_id` in the logs is then the order's, from its payment page to
its welcome mail. It does not hold the one request that placed the order, which came before there was an id.
"""

import random
import re
from collections.abc import Mapping
from typing import Any

from shared.kernel import decode_id
from shared.telemetry.tracing import current_traceparent

_IN_PATH = re.compile(r"/(ord_[0-7][0-9a-hjkmnp-tv-z]{25})(?![^/])")
_ABOUT = ("order_id", "subject", "resource_id")


def order_in(path: str) -> str | None:
    """The order that a path names."""
    found = _IN_PATH.search(path)
    return found[1] if found else None


def trace_of(order_id: str) -> str | None:
    """A traceparent in the trace of this order; None for what is no order's id."""
    try:
        trace = decode_id("ord", order_id).hex
    except ValueError:
        return None
    current = current_traceparent()
    if current is not None and current[3:35] == trace:
        return current
    return f"00-{trace}-{random.getrandbits(64):016x}-01"  # names, not secrets


def trace_of_fact(fact: object) -> str | None:
    """The traceparent a fact leaves with: that of its order, or else the current one."""
    order_id = getattr(fact, "order_id", None)
    return (trace_of(order_id) if isinstance(order_id, str) else None) or current_traceparent()


def about(row: Mapping[str, Any]) -> dict[str, str]:
    """What a line of the log says a row or a fact is about: its order where it has one, its subject, its resource."""
    return {name: str(row[name]) for name in _ABOUT if row.get(name)}
