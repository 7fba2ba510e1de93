"""One story out of several timelines: what happened to an order, and to each service it paid for."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.web.formatting import parse_time

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    at: str | None
    title: str
    detail: str | None
    state: str
    """done · active · waiting · failed"""
    subject: str | None
    """The service this step is about, when the order has more than one."""


def merge(order: Iterable[Json], services: Iterable[tuple[str, Iterable[Json]]]) -> list[Step]:
    """Every step in the order it happened; what is still to come stays at the end.

    `services` pairs a service's name with its own timeline. Steps at the same instant keep the order of cause
    and effect: the order's own before its services'. Of several services only the last step still to come is told:
    ten servers would otherwise be sixty lines of what has not happened.
    """
    named = [(name, list(entries)) for name, entries in services]
    several = len(named) > 1
    steps = [_step(entry, None) for entry in order]
    for name, entries in named:
        told = _abridged(entries) if several else entries
        steps += [_step(entry, name if several else None) for entry in told]
    return sorted(steps, key=_moment_of)


def _abridged(entries: Sequence[Json]) -> list[Json]:
    """Everything that happened, and of what is still to come only the end."""
    to_come = [entry for entry in entries if entry["state"] == "waiting"]
    return [entry for entry in entries if entry["state"] != "waiting"] + to_come[-1:]


def _step(entry: Json, subject: str | None) -> Step:
    return Step(entry.get("at"), str(entry["title"]), entry.get("detail"), str(entry["state"]), subject)


def _moment_of(step: Step) -> tuple[bool, float]:
    pending = step.state == "waiting" or step.at is None
    return pending, parse_time(step.at).timestamp() if step.at else math.inf


@dataclass(frozen=True, slots=True)
class Tally:
    """The promise in three numbers that must agree once an order is fulfilled."""

    paid_for: int
    granted: int
    delivered: int

    @property
    def agrees(self) -> bool:
        return self.paid_for == self.granted == self.delivered

    @property
    def exceeded(self) -> bool:
        """More was delivered than paid for: never acceptable, so the page would show it."""
        return max(self.granted, self.delivered) > self.paid_for


def tally(order: Json, services: Sequence[Json]) -> Tally:
    """What was paid for (quantities), granted (entitlements), and is delivered (services that are active)."""
    live = {"active", "suspended"}
    return Tally(
        paid_for=sum(int(item["quantity"]) for item in order["items"]),
        granted=len(order.get("entitlements") or ()),
        delivered=sum(1 for service in services if service["status"] in live),
    )
