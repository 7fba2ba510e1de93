"""One of Stripe's JSON objects, read with care."""

from collections.abc import Mapping
from datetime import UTC, datetime

from shared.database import FailureClass, HandlingFailed
from shared.kernel import decode_id

# Far beyond any amount Stripe accepts, and within what a bigint column holds.
_LARGEST = 10**15


class JsonObject:
    """A JSON object read with care: a field of another type than expected is a permanent failure with its name."""

    def __init__(self, raw: object, where: str) -> None:
        if not isinstance(raw, Mapping):
            raise unreadable(where)
        self._raw = raw
        self._where = where

    def text(self, name: str) -> str:
        value = self._raw.get(name)
        if not isinstance(value, str) or not value:
            raise unreadable(f"{self._where}.{name}")
        return value

    def optional(self, name: str) -> str | None:
        value = self._raw.get(name)
        return value if isinstance(value, str) and value else None

    def reference(self, name: str) -> str | None:
        """An id, whether the object it names was expanded or not."""
        value = self._raw.get(name)
        if isinstance(value, Mapping):
            value = value.get("id")
        return value if isinstance(value, str) and value else None

    def integer(self, name: str) -> int:
        value = self._raw.get(name)
        if type(value) is not int or abs(value) > _LARGEST:
            raise unreadable(f"{self._where}.{name}")
        return value

    def known_integer(self, name: str) -> int | None:
        value = self._raw.get(name)
        return value if type(value) is int and abs(value) <= _LARGEST else None

    def count(self, name: str) -> int:
        value = self._raw.get(name)
        return value if type(value) is int and 0 <= value <= _LARGEST else 0

    def moment(self, name: str) -> datetime | None:
        value = self._raw.get(name)
        return moment(value) if type(value) is int else None

    def child(self, name: str) -> "JsonObject":
        value = self._raw.get(name)
        return JsonObject(value if isinstance(value, Mapping) else {}, f"{self._where}.{name}")

    def children(self, name: str) -> list["JsonObject"]:
        value = self._raw.get(name)
        return [JsonObject(item, f"{self._where}.{name}") for item in value] if isinstance(value, list) else []

    def flag(self, name: str) -> bool:
        return self._raw.get(name) is True

    def currency(self) -> str:
        code = self.text("currency").upper()
        if len(code) != 3 or not code.isascii() or not code.isalpha():
            raise unreadable(f"{self._where}.currency")
        return code

    def hint(self, name: str, prefix: str) -> str | None:
        """One of our ids from the metadata, if a well-formed one is there."""
        value = self.child("metadata").optional(name)
        return value if value is not None and is_id(prefix, value) else None


def unreadable(where: str) -> HandlingFailed:
    return HandlingFailed(f"unreadable: {where}", FailureClass.PERMANENT)


def is_id(prefix: str, value: str) -> bool:
    """Whether `value` is a well-formed id of ours of this kind."""
    try:
        decode_id(prefix, value)
    except ValueError:
        return False
    return True


def moment(seconds: int) -> datetime:
    """A Unix time as a moment. Raises HandlingFailed for one no calendar holds."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise unreadable("time") from error
