"""What an endpoint accepts: typed, named, and refused the way Stripe refuses.

A schema is a tree of parsers. `Fields` knows its own names, so a test can compare it with the official SDK.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from sandbox.stripe.errors import StripeError, missing_param, unknown_param
from sandbox.stripe.form import Raw
from sandbox.stripe.money import CURRENCIES


class Parser(Protocol):
    """Turns the raw text of one parameter into a value, or raises StripeError naming `name`."""

    def parse(self, raw: Raw, name: str) -> Any: ...


def _scalar(raw: Raw, name: str) -> str:
    if isinstance(raw, dict):
        raise StripeError(f"Invalid string: {name} must be a single value", param=name)
    return raw


@dataclass(frozen=True)
class Text:
    """A string of at most `longest` characters. With `clears`, the empty string means null (Stripe's unset)."""

    longest: int = 5000
    clears: bool = False

    def parse(self, raw: Raw, name: str) -> str | None:
        value = _scalar(raw, name)
        if value == "":
            if self.clears:
                return None
            raise StripeError(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
                f"parameter; however '{name}' cannot be unset.",
                code="parameter_invalid_empty",
                param=name,
            )
        if len(value) > self.longest:
            raise StripeError(
                f"Invalid string: must be at most {self.longest} characters",
                code="parameter_invalid_string_too_long",
                param=name,
            )
        return value


@dataclass(frozen=True)
class Integer:
    """A whole number within bounds."""

    lowest: int | None = None
    highest: int | None = None

    def parse(self, raw: Raw, name: str) -> int:
        text = _scalar(raw, name)
        if not re.fullmatch(r"-?[0-9]{1,15}", text):
            raise StripeError(f"Invalid integer: {text[:100]}", code="parameter_invalid_integer", param=name)
        value = int(text)
        if self.lowest is not None and value < self.lowest:
            raise StripeError(
                f"This value must be greater than or equal to {self.lowest}.",
                code="parameter_invalid_integer",
                param=name,
            )
        if self.highest is not None and value > self.highest:
            raise StripeError(
                f"This value must be less than or equal to {self.highest}.",
                code="parameter_invalid_integer",
                param=name,
            )
        return value


@dataclass(frozen=True)
class Boolean:
    """`true` or `false`."""

    def parse(self, raw: Raw, name: str) -> bool:
        text = _scalar(raw, name)
        if text not in {"true", "false"}:
            raise StripeError(f"Invalid boolean: {text[:100]}", param=name)
        return text == "true"


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def parse(self, raw: Raw, name: str) -> str:
        text = _scalar(raw, name)
        if text not in self.words:
            allowed = ", ".join(self.words[:-1]) + (" or " if len(self.words) > 1 else "") + self.words[-1]
            raise StripeError(f"Invalid {name}: must be one of {allowed}", param=name)
        return text


@dataclass(frozen=True)
class Currency:
    """A three-letter code Stripe supports, returned in lower case."""

    def parse(self, raw: Raw, name: str) -> str:
        code = _scalar(raw, name).lower()
        if code not in CURRENCIES:
            raise StripeError(f"Invalid currency: {code[:100]}.", param=name)
        return code


@dataclass(frozen=True)
class Url:
    """An absolute http(s) URL."""

    def parse(self, raw: Raw, name: str) -> str:
        text = _scalar(raw, name)
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.netloc or re.search(r"[\s\x00-\x1f]", text):
            raise StripeError("Not a valid URL: URLs must begin with http or https.", code="url_invalid", param=name)
        return text


@dataclass(frozen=True)
class Email:
    """Something that can be an e-mail address."""

    def parse(self, raw: Raw, name: str) -> str:
        text = _scalar(raw, name)
        if not re.fullmatch(r"[^@\s]{1,250}@[^@\s]{1,250}", text):
            raise StripeError(f"Invalid email address: {text[:100]}", code="email_invalid", param=name)
        return text


@dataclass(frozen=True)
class Metadata:
    """Up to 50 pairs, keys to 40 and values to 500 characters. An empty value asks to remove the key
    (returned as ""); an empty `metadata` asks to remove all (returned as None)."""

    def parse(self, raw: Raw, name: str) -> dict[str, str] | None:
        if raw == "":
            return None
        if not isinstance(raw, dict):
            raise StripeError(f"Invalid hash: {name} must be a set of key-value pairs", param=name)
        if len(raw) > 50:
            raise StripeError("Metadata can have at most 50 keys.", param=name)
        for key, value in raw.items():
            if not isinstance(value, str):
                raise StripeError("Metadata values must be strings.", param=f"{name}[{key}]")
            if len(key) > 40 or len(value) > 500:
                raise StripeError(
                    "Metadata keys can have up to 40 characters and values up to 500.", param=f"{name}[{key}]"
                )
        return {key: str(value) for key, value in raw.items()}


@dataclass(frozen=True)
class Items:
    """A list of values of one kind."""

    of: Parser
    most: int = 100

    def parse(self, raw: Raw, name: str) -> list[Any]:
        if not isinstance(raw, dict) or any(not key.isdecimal() for key in raw):
            raise StripeError("Invalid array", param=name)
        if len(raw) > self.most:
            raise StripeError(f"Array cannot have more than {self.most} entries.", param=name)
        return [self.of.parse(raw[key], f"{name}[{key}]") for key in sorted(raw, key=int)]


@dataclass(frozen=True)
class TimeRange:
    """Seconds since the epoch, exactly or as a range; becomes {"gte": ..., "lt": ...}."""

    def parse(self, raw: Raw, name: str) -> dict[str, int]:
        if isinstance(raw, str):
            return {"eq": Integer(0).parse(raw, name)}
        return {
            operator: value
            for operator, value in Fields(dict.fromkeys(("gt", "gte", "lt", "lte"), Integer(0)))
            .parse(raw, name)
            .items()
            if value is not None
        }


@dataclass(frozen=True)
class Fields:
    """A map with known names. Unknown names and missing required ones are refused."""

    known: Mapping[str, Parser]
    required: tuple[str, ...] = ()

    def parse(self, raw: Raw, name: str = "") -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise StripeError("Invalid object", param=name or None)
        for key in raw:
            if key not in self.known:
                raise unknown_param(f"{name}[{key}]" if name else key)
        for key in self.required:
            if key not in raw:
                raise missing_param(f"{name}[{key}]" if name else key)
        return {key: self.known[key].parse(value, f"{name}[{key}]" if name else key) for key, value in raw.items()}


EXPAND: dict[str, Parser] = {"expand": Items(Text(200), most=20)}
PAGE: dict[str, Parser] = {
    **EXPAND,
    "limit": Integer(1, 100),
    "starting_after": Text(200),
    "ending_before": Text(200),
    "created": TimeRange(),
}


def only_expand() -> Fields:
    """The parameters of a plain retrieve."""
    return Fields(EXPAND)


def merge_metadata(current: dict[str, str], change: dict[str, str] | None) -> dict[str, str]:
    """Metadata after an update: keys sent empty are removed, None removes all, the rest are set."""
    if change is None:
        return {}
    merged = {**current, **change}
    return {key: value for key, value in merged.items() if value != ""}
