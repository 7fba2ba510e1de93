"""Idempotency keys (https://docs.stripe.com/api/idempotent_requests).

The first answer to a key is stored in the same transaction as what it did, so a crash loses both or neither. As at
Stripe, requests that were wrong (400, 404) or met a concurrent twin (409) store nothing; a declined card (402) and what
failed while it was processed (500) do.
"""

import hashlib
from dataclasses import dataclass

import orjson

from sandbox.stripe.errors import StripeError
from sandbox.stripe.form import Raw
from sandbox.stripe.store import JsonObject, Store

_LONGEST_KEY = 255


@dataclass(frozen=True)
class Answer:
    """A response as it goes out: `replayed_from` is the request id of the original, None for a first answer."""

    status: int
    body: bytes
    replayed_from: str | None = None


def check_key(key: str) -> None:
    """Refuses a key Stripe would refuse."""
    if not key or len(key) > _LONGEST_KEY:
        raise StripeError(
            f"Idempotency keys must have between 1 and {_LONGEST_KEY} characters.", kind="idempotency_error"
        )


def fingerprint(raw: dict[str, Raw]) -> str:
    """Equal for equal parameters, whatever their order."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()


def key_in_use(key: str) -> StripeError:
    """Another request with that key has not finished."""
    return StripeError(
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key}. Please try again later.",
        status=409,
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )


def recall(store: Store, key: str, path: str, wanted: str) -> Answer | None:
    """The stored answer to that key, None when it is new. Raises StripeError when the key was used for something
    else."""
    row = store.connection.execute("SELECT * FROM idempotency WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row["path"] != path:
        raise StripeError(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for "
            f"('{path}' vs '{row['path']}'). Try using a key other than '{key}' if you meant to execute a "
            "different request.",
            kind="idempotency_error",
        )
    if row["fingerprint"] != wanted:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )
    return Answer(row["status"], row["body"], row["request_id"])


def remember(
    store: Store, key: str, path: str, wanted: str, *, status: int, body: JsonObject, request_id: str, now: int
) -> Answer:
    """Stores the first answer; call it inside the transaction that produced it."""
    encoded = orjson.dumps(body, option=orjson.OPT_INDENT_2)
    store.connection.execute(
        "INSERT INTO idempotency (key, path, fingerprint, status, body, request_id, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (key, path, wanted, status, encoded, request_id, now),
    )
    return Answer(status, encoded)
