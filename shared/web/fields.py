"""Types for request fields that several services accept."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict

from shared.kernel import decode_id


def _is_id(prefix: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        decode_id(prefix, value)
        return value

    return check


def path_id(prefix: str) -> type[str]:
    """The type of a path parameter that is an id of this kind; anything else is answered 404."""
    return Annotated[str, Path(max_length=64), AfterValidator(_is_id(prefix))]  # type: ignore[return-value]


def body_id(prefix: str) -> type[str]:
    """The type of a body or query field that is an id of this kind; anything else is answered 422."""
    return Annotated[str, AfterValidator(_is_id(prefix))]  # type: ignore[return-value]


def _printable(value: str) -> str:
    if any((ord(character) < 32 and character not in "\n\t") or ord(character) == 127 for character in value):
        raise ValueError("must not contain control characters")
    return value.strip()


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value or "\t" in value:
        raise ValueError("must be a single line")
    return _printable(value)


Line = Annotated[str, AfterValidator(_one_line)]
Prose = Annotated[str, AfterValidator(_printable)]


class Body(BaseModel):
    """A request body: fields nobody asked for are refused, so prices and statuses cannot be smuggled in."""

    model_config = ConfigDict(extra="forbid", strict=False)
