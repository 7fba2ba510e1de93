"""Money, ids, time, lifecycles and the errors of the domain. Standard library only."""

from shared.kernel.clock import Clock, SystemClock, aware, rfc3339
from shared.kernel.errors import (
    Conflict,
    DomainError,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from shared.kernel.ids import decode_id, encode_id, new_id, prefix_of
from shared.kernel.lifecycle import IllegalMove, Lifecycle
from shared.kernel.money import Money, exponent_of
from shared.kernel.principal import Principal, acting

__all__ = [
    "Clock",
    "Conflict",
    "DomainError",
    "FieldError",
    "Forbidden",
    "IllegalMove",
    "Invalid",
    "Lifecycle",
    "Money",
    "NotFound",
    "Principal",
    "SystemClock",
    "Unavailable",
    "acting",
    "aware",
    "decode_id",
    "encode_id",
    "exponent_of",
    "new_id",
    "prefix_of",
    "rfc3339",
]
