"""Money, ids, time, lifecycles and the errors of the domain. Standard library only."""

from shared.kernel.clock import Clock, SystemClock, aware, rfc3339
from shared.kernel.currencies import CURRENCIES, Currency
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
from shared.kernel.money import Money, amount_problem, charge_problem, written
from shared.kernel.principal import Principal, acting

__all__ = [
    "CURRENCIES",
    "Clock",
    "Conflict",
    "Currency",
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
    "amount_problem",
    "aware",
    "charge_problem",
    "decode_id",
    "encode_id",
    "new_id",
    "prefix_of",
    "rfc3339",
    "written",
]
