"""What somebody chose of a plan, on its way between form, address and API, so that nothing of it is lost.

The plan says what is asked (`PlanView.fields`), so this knows no product type. In forms and addresses the fields of a
configuration are named `c_<key>`. A field that may be left out of a form by the browser (an unticked box) is sent
empty beside it, so that "no" and "not asked yet" stay apart.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from gateway.web.forms import Form
from gateway.web.ssh import is_private
from shared.contracts.reads.catalog import FieldView, OrderItemView, PlanView

PREFIX = "c_"
KEYS = "ssh_keys"
FLAG = "flag"
YES = "yes"
_LONGEST_NUMBER = 6
Value = str | bool | list[str]


@dataclass(frozen=True, slots=True)
class Choices:
    """One item as it is chosen. `quantity` is text until the catalogue has seen it."""

    plan: str
    currency: str
    interval: str
    quantity: str
    configuration: Mapping[str, Value]

    @classmethod
    def read(cls, plan: PlanView, given: Form, currency: str, interval: str) -> "Choices":
        """From a form or an address; what is not there is the plan's default."""
        values = {field.key: _value(field, given) for field in plan.fields}
        return cls(plan.code, currency, interval, given.line("quantity") or "1", values)

    @classmethod
    def of_item(cls, item: OrderItemView, currency: str) -> "Choices":
        """What was chosen when this item was ordered."""
        values = {key: _from_json(value) for key, value in item.configuration.items() if value is not None}
        return cls(item.plan.code, currency, item.interval, str(item.quantity), values)

    def address(self) -> str:
        """The page where exactly this is configured."""
        pairs = [("currency", self.currency), ("interval", self.interval), ("quantity", self.quantity)]
        for key, value in self.configuration.items():
            pairs += [(PREFIX + key, one) for one in _spelled(value)]
        return f"/buy/{self.plan}?{urlencode(pairs)}"

    def order(self) -> dict[str, Any]:
        """The body of a quote or an order. A text that was left empty is left out."""
        asked = {key: value for key, value in self.configuration.items() if value != ""}
        item = {"plan": self.plan, "interval": self.interval, "quantity": _number(self.quantity)}
        return {"currency": self.currency, "items": [{**item, "configuration": asked}]}

    def private_keys(self) -> list[str]:
        """The fields into which somebody put a private key: it must neither be sent on nor shown again."""
        return [key for key, value in self.configuration.items() if is_private(str(value))]

    def without(self, keys: Iterable[str]) -> "Choices":
        """The same with these fields empty."""
        empty: dict[str, Value] = {key: [] if isinstance(self.configuration[key], list) else "" for key in keys}
        return Choices(self.plan, self.currency, self.interval, self.quantity, {**self.configuration, **empty})


def was_filled(given: Form) -> bool:
    """Whether somebody filled in the form already, here or before signing in."""
    return any(name.startswith(PREFIX) or name == "quantity" for name in given)


def _value(field: FieldView, given: Form) -> Value:
    name = PREFIX + field.key
    if field.kind == KEYS:
        # Ticked keys and pasted ones come under one name; a paste may hold several, one a line.
        lines = [line.strip() for value in given.all(name) for line in value.splitlines()]
        return list(dict.fromkeys(line for line in lines if line))
    if field.kind == FLAG:
        return given[name] == YES if name in given else field.default.lower() in {YES, "true"}
    if name in given:
        return given.line(name)
    if not field.default and field.kind == "choice" and field.required and field.choices:
        return field.choices[0].value
    return field.default


def _from_json(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def _spelled(value: Value) -> list[str]:
    if isinstance(value, bool):
        return [YES if value else ""]
    return [value] if isinstance(value, str) else value or [""]


def _number(text: str) -> int | str:
    """A number where it is one of a sensible length; of anything else the catalogue says what is wrong."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else text
