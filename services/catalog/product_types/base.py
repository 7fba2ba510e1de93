"""What a product type says about itself: what is asked, what is valid, how things are called, when it renews."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.catalog.product_types.plan_seeds import PlanSeed
from shared.contracts.reads.catalog import ChoiceView, FieldView
from shared.contracts.reads.common import LabelledValue
from shared.kernel import FieldError

Configuration = Mapping[str, Any]
Options = Mapping[str, Sequence[Mapping[str, str]]]
"""A plan's choices by field: each a `value` and its `label`."""

_NOTHING: tuple[Any, ...] = (None, "", [], False)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class BadConfiguration(Exception):
    """What is wrong with a configuration: by field, in words that say what would be right."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{key}: {words}" for key, words in errors.items()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class Unit:
    """One of an item's units: its name, and what its configuration has of its own."""

    name: str
    configuration: Configuration = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configured:
    """A configuration that is valid. `named` is False when the name was made up for want of one."""

    name: str
    configuration: dict[str, Any]
    named: bool = True


class ProductType:
    """A kind of thing that can be sold. A type sets the attributes and overrides what is different about it.

    `unit` and `units` are what one and several are called; `intervals` those at which it may renew; `max_quantity` how
    many one item may be for. What must be there before it can be delivered is a field that is required.
    """

    code: str
    name: str
    unit: str
    units: str
    group: str = ""
    """The name of the group its seeded plans are presented in; the type's own when empty."""
    intervals: tuple[str, ...] = ("month", "year")
    max_quantity: int = 1
    seeds: tuple[PlanSeed, ...] = ()

    def fields(self, options: Options) -> list[FieldView]:
        """What is asked when a plan with these options is configured."""
        raise NotImplementedError

    def configured(
        self, given: Configuration, options: Options, *, quantity: int = 1, spec: Mapping[str, Any] | None = None
    ) -> Configured:
        """The configuration to keep for what was `given` for a plan with these options and this spec.

        Raises BadConfiguration, with every error at once.
        """
        fields = {one.key: one for one in self.fields(options)}
        errors = {
            key: f"There is nothing like this to configure here. Known: {', '.join(fields) or 'nothing'}."
            for key in given
            if key not in fields
        }
        values: dict[str, Any] = {}
        for key, asked in fields.items():
            try:
                value = _CLEAN[asked.kind](asked, given.get(key))
                values[key] = self.checked(key, value) if value not in (None, "") else value
            except ValueError as error:
                errors[key] = str(error)
        if errors:
            raise BadConfiguration(errors)
        configured = self.complete({key: value for key, value in values.items() if value not in _NOTHING})
        self.check(configured, quantity, spec or {})
        return configured

    def checked(self, key: str, value: Any) -> Any:
        """The value to keep for a field that fits its kind. Raises ValueError in words for a person."""
        return value

    def complete(self, configuration: dict[str, Any]) -> Configured:
        """The configuration with its name, and with what was left out and has to be there."""
        raise NotImplementedError

    def check(self, configured: Configured, quantity: int, spec: Mapping[str, Any]) -> None:
        """Raises BadConfiguration for what does not go together: with so many units, or with the plan's spec."""

    def told_apart(self, configured: Configured, quantity: int) -> list[Unit]:
        """The units of an item; their names differ."""
        if quantity == 1:
            return [Unit(configured.name)]
        return [Unit(f"{configured.name} ({ordinal})") for ordinal in range(1, quantity + 1)]

    def invoice_name(self, plan_name: str, name: str) -> str:
        """What an item is called on an invoice and on the payment page."""
        return f"{plan_name} · {name}"

    def in_words(self, configuration: Configuration, options: Options) -> list[LabelledValue]:
        """What was configured, for somebody who reads the order."""
        words = []
        for asked in self.fields(options):
            if asked.key in configuration:
                value = self.value_in_words(asked, configuration[asked.key])
                words.append(LabelledValue(key=asked.key, label=asked.label, value=value))
        return words

    def value_in_words(self, asked: FieldView, value: Any) -> str:
        """One value, for a reader."""
        if asked.kind == "flag":
            return "Yes" if value else "No"
        if asked.kind == "choice":
            return next((choice.label for choice in asked.choices if choice.value == value), str(value))
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    def summary(self, spec: Mapping[str, Any]) -> list[LabelledValue]:
        """A plan's sizes, for its card."""
        raise NotImplementedError

    def advice(self, configuration: Configuration) -> list[FieldError]:
        """What somebody should think about before they buy; it hinders nothing. The pointers name fields."""
        return []

    def change_refused(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
        """Why a unit cannot go from one plan's spec to another's; None when it can."""
        return None

    def quantity_error(self, quantity: int) -> str | None:
        """Why so many make no sense; None when they do."""
        if quantity <= self.max_quantity:
            return None
        if self.max_quantity == 1:
            return f"A {self.unit} is ordered one at a time: add another item for another {self.unit}."
        return f"At most {self.max_quantity} {self.units} fit one item: add another item for more."


def _text(asked: FieldView, value: Any) -> str | None:
    if value is None or value == "":
        if asked.required:
            raise ValueError(f"{asked.label} is needed.")
        return None if value is None else _not_empty(asked)
    if not isinstance(value, str):
        raise ValueError(f"{asked.label} is text.")  # noqa: TRY004 - the words are for whoever sent it
    if not _is_plain(value) or (asked.kind == "text" and "\n" in value):
        raise ValueError(f"{asked.label} must not contain control characters.")
    if asked.max_length is not None and len(value) > asked.max_length:
        raise ValueError(f"{asked.label} has at most {asked.max_length} characters.")
    if asked.pattern is not None and not re.fullmatch(asked.pattern, value):
        raise ValueError(f"{asked.label} does not look right. {asked.help}".strip())
    return value


def _not_empty(asked: FieldView) -> str:
    raise ValueError(f"{asked.label} is empty: leave it out, or say something.")


def _choice(asked: FieldView, value: Any) -> str | None:
    if value is None:
        if asked.required and not asked.default:
            raise ValueError(f"Choose {asked.label.lower()}: {_offered(asked.choices)}.")
        return asked.default or None
    if value not in [choice.value for choice in asked.choices]:
        raise ValueError(f"This is not offered here. Offered: {_offered(asked.choices)}.")
    return str(value)


def _offered(choices: Sequence[ChoiceView]) -> str:
    return ", ".join(choice.value for choice in choices) or "none"


def _lines(asked: FieldView, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise ValueError(f"{asked.label} is a list of lines.")
    if not all(_is_plain(line) for line in value):
        raise ValueError(f"{asked.label} must not contain control characters.")
    return value


def _is_plain(text: str) -> bool:
    """Whether this can be stored and shown: without control characters and halves of surrogate pairs."""
    return not _CONTROL.search(text)


def _flag(asked: FieldView, value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise ValueError(f"{asked.label} is true or false.")  # noqa: TRY004 - the words are for whoever sent it
    return value


_CLEAN: Mapping[str, Callable[[FieldView, Any], Any]] = {
    "text": _text,
    "multiline": _text,
    "choice": _choice,
    "ssh_keys": _lines,
    "flag": _flag,
}


def choices(options: Options, key: str) -> list[ChoiceView]:
    """A plan's choices for a field."""
    return [ChoiceView(value=choice["value"], label=choice["label"]) for choice in options.get(key, ())]


def labelled(key: str, label: str, text: str) -> LabelledValue:
    """One thing to show."""
    return LabelledValue(key=key, label=label, value=text)
