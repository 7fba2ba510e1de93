"""The few fields an event of Stripe is stored by, however it came: delivered, or from Stripe's own list."""

import re
from datetime import UTC, datetime
from typing import Any

from services.billing.adapters.intake import IncomingEvent
from shared.telemetry.order_trace import trace_of

_ID = re.compile(r"evt_[A-Za-z0-9_]{1,200}\Z")
_TYPE = re.compile(r"[a-z0-9_.]{1,100}\Z")
_VERSION = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
_OBJECT_ID = re.compile(r"[\x21-\x7e]{1,255}\Z")


class MalformedEvent(Exception):
    """It is not an event; the text says what is wrong and quotes nothing of it."""


def event_of(raw: object, payload: str, trace: str | None = None) -> IncomingEvent:
    """The event in `raw`, whose exact text is `payload`. Raises MalformedEvent for anything that is not an event.

    Its trace is the one of the order that our own metadata names, or else `trace`, the one it came with.
    """
    if not isinstance(raw, dict) or raw.get("object") != "event":
        raise MalformedEvent("It is not one JSON object of the kind `event`.")
    created, livemode = raw.get("created"), raw.get("livemode")
    if type(created) is not int or not 0 < created < 2**33 or not isinstance(livemode, bool):
        raise MalformedEvent("`created` or `livemode` is missing or of another type.")
    identity, version = _matching(_ID, raw.get("id")), _matching(_VERSION, raw.get("api_version"))
    kind = _matching(_TYPE, raw.get("type"))
    if identity is None or kind is None:
        raise MalformedEvent("`id` or `type` is missing or malformed.")
    return IncomingEvent(
        id=identity,
        type=kind,
        api_version=version,
        created=datetime.fromtimestamp(created, UTC),
        livemode=livemode,
        object_id=_matching(_OBJECT_ID, _object_of(raw).get("id")),
        payload=payload,
        trace=_order_trace(raw) or trace,
    )


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.match(value) else None


def _object_of(raw: dict[str, Any]) -> dict[str, Any]:
    data = raw.get("data")
    item = data.get("object") if isinstance(data, dict) else None
    return item if isinstance(item, dict) else {}


def _order_trace(raw: dict[str, Any]) -> str | None:
    """The trace of the order that our own metadata names. It decides where lines are found, and nothing else."""
    metadata = _object_of(raw).get("metadata")
    order_id = metadata.get("order_id") if isinstance(metadata, dict) else None
    return trace_of(order_id) if isinstance(order_id, str) else None
