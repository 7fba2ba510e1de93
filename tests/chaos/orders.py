"""What customers do with each order, decided by the seed, and where each order must be when everything has settled."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Behaviour = Literal[
    "pays",
    "pays after a declined card",
    "cancels",
    "abandons",
    "cancels while paying",
    "charged another amount",
    "charged in another currency",
    "charged to another customer",
]
# How often, per hundred orders.
_SHARES: Mapping[Behaviour, int] = {
    "pays": 66,
    "pays after a declined card": 9,
    "cancels": 6,
    "abandons": 4,
    "cancels while paying": 6,
    "charged another amount": 3,
    "charged in another currency": 3,
    "charged to another customer": 3,
}
MISMATCHES: Mapping[Behaviour, dict[str, object]] = {
    "charged another amount": {"amount": 1},
    "charged in another currency": {"currency": "usd"},
    "charged to another customer": {"customer": "new"},
}
_PLANS = ("vps-s", "vps-s", "vps-m", "vps-l", "vps-xl")
# What staff decide about the first unit of an order that is delivered, one after another.
_DECISIONS: tuple[tuple[str, ...], ...] = (
    ("suspend",),
    ("suspend", "resume"),
    ("end",),
    ("suspend", "end"),
    ("suspend", "resume", "suspend"),
)
# Only for what has a larger plan: a disk never shrinks.
_CHANGES: tuple[tuple[str, ...], ...] = (
    ("change",),
    ("change", "suspend"),
    ("suspend", "resume", "change"),
    ("change", "end"),
)
_LARGER: Mapping[str, str] = {"vps-s": "vps-m", "vps-m": "vps-l", "vps-l": "vps-xl"}
# The last unit of its interval ends its subscription for good, so only one of two comes back.
_OF_TWO: tuple[tuple[str, ...], ...] = (*_DECISIONS, ("end", "restore"), ("suspend", "end", "restore"))
_MIXED, _DECIDED = 0.25, 0.4
# What a unit's right is after the last decision.
RIGHT_AFTER: Mapping[str, str] = {
    "suspend": "suspended",
    "resume": "active",
    "end": "ended",
    "restore": "active",
    "change": "active",
}
_EXPECTED: Mapping[Behaviour, tuple[str, ...]] = {
    "pays": ("fulfilled",),
    "pays after a declined card": ("fulfilled",),
    "cancels": ("canceled",),
    "abandons": ("awaiting_payment",),
    **dict.fromkeys(MISMATCHES, ("under_review",)),
}


@dataclass
class Order:
    """One order: what its customer wants to do, and what happened to it. Moments are seconds since the epoch.

    yearly: the plan of a second item that is paid per year. decisions: what staff do about `unit`, the first one, once
    the order is fulfilled.
    """

    number: int
    behaviour: Behaviour
    plan: str
    quantity: int
    key: str
    yearly: str | None = None
    decisions: tuple[str, ...] = ()
    unit: str | None = None
    customer: str = ""
    ids: set[str] = field(default_factory=set)
    pages: list[str] = field(default_factory=list)
    answered: int = 0
    placed_at: float | None = None
    paid_at: float | None = None
    fulfilled_at: float | None = None
    status: str = "not placed"
    gave_up: str | None = None

    @property
    def larger_plan(self) -> str | None:
        """What its first unit may be changed to."""
        return _LARGER.get(self.plan)

    @property
    def id(self) -> str | None:
        """The order's id, once it is known."""
        return min(self.ids) if self.ids else None

    @property
    def hostname(self) -> str:
        """The name asked for."""
        return f"chaos-{self.number:05d}"

    def body(self) -> dict[str, Any]:
        """What is posted."""
        items = [{"plan": self.plan, "interval": "month", "quantity": self.quantity, "hostname": self.hostname}]
        if self.yearly is not None:
            items.append({"plan": self.yearly, "interval": "year", "quantity": 1, "hostname": f"yearly-{self.number}"})
        return {"currency": "EUR", "items": items}

    def expected(self) -> tuple[str, ...]:
        """The states this order may be in when everything has settled."""
        if self.behaviour == "cancels while paying":
            # Whoever was first has won: money that came after the cancellation is a person's to decide about.
            return ("canceled",) if self.paid_at is None else ("fulfilled", "under_review")
        return _EXPECTED[self.behaviour]

    @property
    def settled(self) -> bool:
        """Whether it is where it must be."""
        return self.status in self.expected()


def orders(seed: int, count: int) -> list[Order]:
    """The orders of a run: every behaviour at least once where there is room, the rest by their shares."""
    rng = random.Random(f"orders {seed} {count}")
    behaviours: list[Behaviour] = list(_SHARES)[:count]
    behaviours += rng.choices(list(_SHARES), list(_SHARES.values()), k=count - len(behaviours))
    rng.shuffle(behaviours)
    found = [
        Order(
            number,
            behaviour,
            rng.choice(_PLANS),
            2 if rng.random() < 0.1 else 1,
            f"chaos-{seed}-{number}-{rng.getrandbits(64):016x}",
        )
        for number, behaviour in enumerate(behaviours, 1)
    ]
    _mix(found, rng)
    _decide(found, rng)
    return found


def _mix(found: Sequence[Order], rng: random.Random) -> None:
    """Some orders, and one that is simply paid, have two monthly servers and a yearly one, paid together."""
    chosen = {order.number for order in found if rng.random() < _MIXED}
    chosen |= {order.number for order in [order for order in found if order.behaviour == "pays"][:1]}
    for order in found:
        if order.number in chosen:
            order.quantity, order.yearly = 2, rng.choice(_PLANS)


def _decide(found: Sequence[Order], rng: random.Random) -> None:
    delivered = [order for order in found if _EXPECTED.get(order.behaviour) == ("fulfilled",)]
    for place, order in enumerate(delivered):
        if place == 0 or rng.random() < _DECIDED:
            possible = _OF_TWO if order.quantity > 1 else _DECISIONS
            order.decisions = rng.choice((*possible, *_CHANGES) if order.larger_plan else possible)


def outcomes(found: Sequence[Order]) -> dict[str, dict[str, int]]:
    """Behaviour → state → how many orders."""
    table: dict[str, dict[str, int]] = {}
    for order in found:
        row = table.setdefault(order.behaviour, {})
        row[order.status] = row.get(order.status, 0) + 1
    return table
