"""CloudEvents 1.0 in JSON (structured mode): what travels on the bus and is kept in outbox and inbox."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import ValidationError

from shared.contracts.base import EVENTS, Event, context_of
from shared.database import NotUnderstood
from shared.kernel import rfc3339


class Malformed(Exception):
    """The bytes are no envelope we can read; another delivery of the same bytes will not be either."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One fact on its way: its id (a UUIDv7, the dedupe key), wire type, trace and payload."""

    id: UUID
    wire_type: str
    subject: str
    time: str
    traceparent: str | None
    data: dict[str, Any]

    def event(self) -> Event:
        """The typed fact. Raises NotUnderstood when this code has no class for its type, or one it does not fit:
        whoever published it may be newer."""
        kind = EVENTS.get(self.wire_type)
        if kind is None:
            raise NotUnderstood(f"unknown type {self.wire_type}")
        try:
            return kind.model_validate(self.data)
        except ValidationError as error:
            where = ", ".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
            raise NotUnderstood(f"{self.wire_type} does not fit the contract known here: {where}") from error


def encode(event: Event, event_id: UUID, at: datetime, traceparent: str | None) -> bytes:
    """The envelope's JSON. `traceparent` is CloudEvents' distributed-tracing extension."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": f"/{context_of(event.wire_type)}",
        "type": event.wire_type,
        "subject": event.subject,
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "data": event.model_dump(mode="json"),
    }
    if traceparent:
        envelope["traceparent"] = traceparent
    return orjson.dumps(envelope)


def decode(body: bytes) -> Envelope:
    """Reads an envelope. Raises Malformed for anything that is not one."""
    try:
        raw = orjson.loads(body)
        return Envelope(
            id=UUID(raw["id"]),
            wire_type=str(raw["type"]),
            subject=str(raw.get("subject", "")),
            time=str(raw.get("time", "")),
            traceparent=raw.get("traceparent"),
            data=dict(raw["data"]),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"not a CloudEvent: {type(error).__name__}") from error
