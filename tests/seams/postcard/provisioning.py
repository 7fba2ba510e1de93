"""The toy product type in provisioning: postcards, printed by a toy connector. Nothing of the product knows of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from services.provisioning.adapters.capabilities import ProviderUnavailable
from services.provisioning.adapters.connectors import Place
from services.provisioning.domain import CREATE, REMOVE, RESUME, SUSPEND, TERMINATE, JobPlan, StepPlan
from services.provisioning.product_types.base import Action, ProductType, Records, Seen, Step, StepResult, StepTask

_DAY = timedelta(days=1)


class Printer(Protocol):
    """The capability `postcards`."""

    async def print(self, reference: str, number: int, text: str) -> str: ...
    async def set_displayed(self, reference: str, displayed: bool) -> None: ...
    async def shred(self, reference: str) -> None: ...
    async def cards(self) -> dict[str, "Card"]: ...


@dataclass
class Card:
    number: int
    text: str
    displayed: bool = True
    stamps: int = 0


@dataclass
class ToyPrinter:
    """Implements `Printer` in memory; `jams` is how often it fails after it has printed."""

    place: Place
    printed: dict[str, Card] = field(default_factory=dict)
    jams: int = 0
    calls: int = 0

    async def print(self, reference: str, number: int, text: str) -> str:
        self.calls += 1
        self.printed.setdefault(reference, Card(number, text))
        if self.jams > 0:
            self.jams -= 1
            raise ProviderUnavailable("Paper jam")
        return f"card-{self.printed[reference].number}"

    async def set_displayed(self, reference: str, displayed: bool) -> None:
        self.printed[reference].displayed = displayed

    async def stamp(self, reference: str) -> None:
        self.printed[reference].stamps += 1

    async def shred(self, reference: str) -> None:
        self.printed.pop(reference, None)

    async def cards(self) -> dict[str, Card]:
        return dict(self.printed)

    async def aclose(self) -> None:
        """Nothing to let go of."""


PRINTERS: dict[str, ToyPrinter] = {}


def toy_printer(place: Place) -> ToyPrinter:
    """One printer per address, whoever asks."""
    if place.settings.get("ink") == "none":
        raise ValueError("a printer without ink prints nothing")
    return PRINTERS.setdefault(place.endpoint, ToyPrinter(place))


async def _reserve(_printer: Printer, task: StepTask, records: Records) -> StepResult:
    return StepResult(external_ref=task.external_ref or f"card-{await records.new_number()}")


async def _print(printer: Printer, task: StepTask, _records: Records) -> StepResult:
    number = int(str(task.external_ref).removeprefix("card-"))
    name = await printer.print(task.reference, number, str(task.configuration["text"]))
    return StepResult(external_ref=name, attributes={"recipient": task.configuration["recipient"]})


async def _take_down(printer: Printer, task: StepTask, _records: Records) -> StepResult:
    await printer.set_displayed(task.reference, False)
    return StepResult()


async def _put_up(printer: Printer, task: StepTask, _records: Records) -> StepResult:
    await printer.set_displayed(task.reference, True)
    return StepResult()


async def _stamp(printer: ToyPrinter, task: StepTask, _records: Records) -> StepResult:
    await printer.stamp(task.reference)
    return StepResult()


async def _shred(printer: Printer, task: StepTask, _records: Records) -> StepResult:
    await printer.shred(task.reference)
    return StepResult()


def _plan(*steps: StepPlan, words: tuple[str, str, str]) -> JobPlan:
    return JobPlan(steps, _DAY, *words)


class Postcard(ProductType):
    """A postcard: it has no power, no size and no address that a program could reach."""

    name = "postcard"
    labels: ClassVar[Mapping[str, str]] = {"recipient": "To"}
    address_key = "recipient"
    steps: ClassVar[Mapping[str, Step]] = {
        "reserve": _reserve, "print": _print, "take_down": _take_down, "put_up": _put_up, "stamp": _stamp,
        "shred": _shred,
    }  # fmt: skip
    plans: ClassVar[Mapping[str, JobPlan]] = {
        CREATE: _plan(
            StepPlan("reserve", "Choosing a card", looks=True),
            StepPlan("print", "Printing your card"),
            words=("Printing started", "Printed", "Could not be printed"),
        ),
        SUSPEND: _plan(StepPlan("take_down", "Taking it down"), words=("Taking it down", "Taken down", "Still hangs")),
        RESUME: _plan(StepPlan("put_up", "Putting it up"), words=("Putting it up", "Put up", "Still down")),
        TERMINATE: _plan(StepPlan("take_down", "Taking it down"), words=("Ending", "Ended", "Not ended")),
        REMOVE: _plan(StepPlan("shred", "Shredding it"), words=("Shredding", "Shredded", "Not shredded")),
    }
    actions: ClassVar[Mapping[str, Action]] = {
        "stamp": Action(
            "Stamp it",
            _plan(StepPlan("stamp", "Stamping"), words=("Stamping", "Stamped", "Could not be stamped")),
            past="stamped",
            when=frozenset({"none"}),
        )
    }

    async def things(self, connector: Printer) -> Sequence[Seen]:
        """Every card, with no power to tell of."""
        return [Seen(reference, f"card-{card.number}", None) for reference, card in (await connector.cards()).items()]

    async def is_there(self, connector: Printer, reference: str, external_ref: str | None) -> bool:
        """Asked of the pile itself."""
        return reference in await connector.cards()


TYPE = Postcard()
CONNECTORS: dict[str, Any] = {"toy-printer": toy_printer}
