"""Reading the control API's JSON: small, strict, and clear about what is wrong."""

from typing import Any

import orjson

from sandbox.stripe.faults import (
    API_FAULTS,
    FORGERIES,
    MISDIRECTED,
    ApiFault,
    CheckoutMutation,
    Faults,
    WebhookFaults,
)
from sandbox.stripe.money import CURRENCIES, MAXIMUM_CHARGE

_FORGERIES = (*FORGERIES, *MISDIRECTED)


class Invalid(Exception):
    """The input cannot be used; the message says why."""


class Reader:
    """Takes typed members out of a JSON object; `done()` refuses whatever nobody asked for."""

    def __init__(self, members: dict[str, Any], at: str = "") -> None:
        self._members = dict(members)
        self._at = at

    @classmethod
    def of(cls, body: bytes) -> "Reader":
        """A reader of a request body; an empty one is an empty object. Raises Invalid."""
        try:
            members = orjson.loads(body) if body.strip() else {}
        except orjson.JSONDecodeError as error:
            raise Invalid(f"the body is not JSON: {error}") from error
        if not isinstance(members, dict):
            raise Invalid("the body must be a JSON object")
        return cls(members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def refuse(self, name: str, expected: str) -> Invalid:
        """What to raise for a member that is not as expected."""
        return Invalid(f"{self._at}{name} must be {expected}")

    def text(self, name: str, default: str) -> str:
        """A short string."""
        value = self._members.pop(name, default)
        if not isinstance(value, str) or not 0 <= len(value) <= 500:
            raise self.refuse(name, "a string of at most 500 characters")
        return value

    def choice(self, name: str, words: tuple[str, ...], default: str) -> str:
        """One of a few words."""
        value = self._members.pop(name, default)
        if value not in words:
            raise self.refuse(name, f"one of {', '.join(words)}")
        return str(value)

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        """A whole number within bounds."""
        value = self._members.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            raise self.refuse(name, f"a whole number from {lowest} to {highest}")
        return value

    def seconds(self, name: str, default: float, highest: float) -> float:
        """A duration."""
        value = self._members.pop(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= highest:
            raise self.refuse(name, f"a number of seconds up to {highest:g}")
        return float(value)

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self._members.pop(name, default)
        if not isinstance(value, bool):
            raise self.refuse(name, "true or false")
        return value

    def forgery(self, name: str) -> str | None:
        """A kind of forgery, or None."""
        value = self._members.pop(name, None)
        if value is not None and value not in _FORGERIES:
            raise self.refuse(name, f"one of {', '.join(_FORGERIES)}")
        return None if value is None else str(value)

    def members(self, name: str) -> "list[Reader]":
        """One object or a list of objects."""
        value = self._members.pop(name)
        entries = value if isinstance(value, list) else [] if value is None else [value]
        if any(not isinstance(entry, dict) for entry in entries):
            raise self.refuse(name, "an object or a list of objects")
        return [Reader(entry, f"{self._at}{name}.") for entry in entries]

    def strings(self, name: str) -> list[str]:
        """A list of strings; one string is a list of one."""
        value = self._members.pop(name, [])
        entries = [value] if isinstance(value, str) else value
        if not isinstance(entries, list) or any(not isinstance(entry, str) for entry in entries):
            raise self.refuse(name, "a list of strings")
        return entries

    def done(self) -> None:
        """Raises Invalid for members nobody read."""
        if self._members:
            raise Invalid(f"unknown member: {self._at}{next(iter(self._members))}")


def read_faults(given: Reader, faults: Faults) -> None:
    """Applies a description of faults; nothing changes when any of it is wrong."""
    api, webhooks, mutation = faults.api, faults.webhooks, faults.next_checkout
    version = given.text("event_version", faults.event_version or "") or None
    if "api" in given:
        api = [_api_fault(entry) for entry in given.members("api")]
    if "webhooks" in given:
        described = given.members("webhooks")
        webhooks = _webhook_faults(described[0], faults.webhooks) if described else WebhookFaults()
    if "next_checkout" in given:
        changes = given.members("next_checkout")
        mutation = read_mutation(changes[0]) if changes else None
    given.done()
    faults.api, faults.webhooks, faults.next_checkout, faults.event_version = api, webhooks, mutation, version


def _api_fault(given: Reader) -> ApiFault:
    if "kind" not in given:
        raise Invalid("api.kind is required")
    fault = ApiFault(
        kind=given.choice("kind", API_FAULTS, API_FAULTS[0]),
        times=given.integer("times", 1, 1, 1_000_000),
        status=given.integer("status", 500, 400, 599),
        seconds=given.seconds("seconds", 30.0, 300.0),
        match=given.text("match", ""),
        saved=given.boolean("saved", default=False),
    )
    given.done()
    return fault


def _webhook_faults(given: Reader, current: WebhookFaults) -> WebhookFaults:
    forge = given.strings("forge")
    unknown = [kind for kind in forge if kind not in _FORGERIES]
    if unknown:
        raise Invalid(f"webhooks.forge must hold only {', '.join(_FORGERIES)}")
    faults = WebhookFaults(
        paused=given.boolean("paused", default=current.paused),
        duplicates=given.integer("duplicates", current.duplicates, 1, 200),
        delay_seconds=given.seconds("delay_seconds", current.delay_seconds, 300.0),
        shuffle=given.boolean("shuffle", default=current.shuffle),
        forge=forge or current.forge,
        forge_times=given.integer("forge_times", 1 if forge else current.forge_times, 0, 1_000_000),
        withhold=given.integer("withhold", current.withhold, 0, 1_000_000),
    )
    given.done()
    return faults


def read_mutation(given: Reader) -> CheckoutMutation:
    """What a checkout charges instead. Raises Invalid."""
    amount = given.integer("amount", 0, 1, MAXIMUM_CHARGE) if "amount" in given else None
    currency = given.text("currency", "").lower() if "currency" in given else None
    if currency is not None and currency not in CURRENCIES:
        raise given.refuse("currency", "a currency code")
    customer = given.text("customer", "") or None
    given.done()
    return CheckoutMutation(amount, currency, customer)
