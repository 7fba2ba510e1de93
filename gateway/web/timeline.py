"""What happened, told once: the story of an order, how far each of its services is, and whether the numbers agree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.contracts.reads.catalog import OrderView
from shared.contracts.reads.common import TimelineEntry
from shared.contracts.reads.provisioning import ServiceDetail

_WAITING = "waiting"


def in_order(*stories: Iterable[TimelineEntry]) -> list[TimelineEntry]:
    """Every entry in the order it happened; what is still to come stays at the end.

    Entries of one instant keep the order of cause and effect: those of the first story come before the next one's.
    """
    entries = [entry for story in stories for entry in story]
    happened = [entry for entry in entries if entry.state != _WAITING]
    return sorted(happened, key=lambda entry: entry.at) + [entry for entry in entries if entry.state == _WAITING]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one service was built: the part of its timeline that an order is about."""

    service: ServiceDetail
    steps: list[TimelineEntry]

    @property
    def done(self) -> int:
        """How many of `steps` are behind it."""
        return sum(1 for step in self.steps if step.state == "done")

    @property
    def moving(self) -> bool:
        """Whether it is still being built."""
        return self.service.state in {"setting_up", "working", "delayed"} and self.service.activated_at is None


def delivery(service: ServiceDetail) -> Delivery:
    """What is not about the delivery, or came after the handing over, is told on the service's own page."""
    handed_over = service.activated_at
    steps = in_order(entry for entry in service.timeline if entry.about != "action")
    if handed_over is not None:
        steps = [step for step in steps if step.state != _WAITING and step.at <= handed_over]
    return Delivery(service, steps)


@dataclass(frozen=True, slots=True)
class Tally:
    """The promise in three numbers that must agree once an order is fulfilled."""

    paid_for: int
    granted: int
    delivered: int | None
    """None while not every service of the order is known."""

    @property
    def agrees(self) -> bool:
        """Whether what was paid for is what was delivered."""
        return self.paid_for == self.granted == self.delivered

    @property
    def exceeded(self) -> bool:
        """More was delivered than paid for: never acceptable, so the page would show it."""
        return max(self.granted, self.delivered or 0) > self.paid_for


def tally(order: OrderView, services: Sequence[ServiceDetail] | None) -> Tally:
    """What was paid for (units), granted (entitlements), and delivered (services that were once handed over)."""
    return Tally(
        paid_for=sum(item.quantity for item in order.items),
        granted=len(order.entitlements),
        delivered=None if services is None else sum(1 for one in services if one.activated_at is not None),
    )
