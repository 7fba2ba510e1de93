"""What a run says at its end: one table for people, one document for programs."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.checker import Report
from tests.chaos.orders import Order, outcomes
from tests.chaos.trouble import Injected

_MOST_ERRORS = 15


@dataclass
class Outcome:
    """Everything a run has learned. It holds when there is no violation and the checker agrees."""

    seed: int
    orders: Sequence[Order] = ()
    injected: Sequence[Injected] = ()
    transactions: dict[str, int] = field(default_factory=dict)
    decided: Counter[str] = field(default_factory=Counter)
    crashed_at: Counter[str] = field(default_factory=Counter)
    never_reached: list[str] = field(default_factory=list)
    deaths: Counter[str] = field(default_factory=Counter)
    ended_by_themselves: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    verdict: Report | None = None
    timelines: dict[str, list[str]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    logs: Path | None = None

    @property
    def holds(self) -> bool:
        """Whether every promise held for every order."""
        return not self.violations and self.verdict is not None and self.verdict.holds

    def slowest_delivery(self) -> tuple[float, str] | None:
        """The longest time from paying to fulfilled, in seconds, and whose."""
        took = [
            (order.fulfilled_at - order.paid_at, f"order {order.number} {order.id}")
            for order in self.orders
            if order.paid_at is not None and order.fulfilled_at is not None
        ]
        return max(took, default=None)

    def slowest_recovery(self) -> tuple[float, str] | None:
        """The longest time from a fault's end until anything moved on: an order placed, paid or fulfilled."""
        moments = sorted(
            moment
            for order in self.orders
            for moment in (order.placed_at, order.paid_at, order.fulfilled_at)
            if moment is not None
        )
        waits = []
        for entry in self.injected:
            after = next((moment for moment in moments if entry.ended is not None and moment >= entry.ended), None)
            if after is not None and entry.ended is not None:
                waits.append((after - entry.ended, f"{entry.fault.kind} {entry.fault.target}".strip()))
        return max(waits, default=None)

    def lines(self) -> list[str]:
        """The table, and below it whatever is wrong."""
        said = ["", f"CHAOS  seed {self.seed} · {len(self.orders)} orders"]
        said += self._faults() + self._orders() + self._answers()
        said += [
            "",
            "LOGGED AS ERRORS",
            *(f"  {count:6} {event}" for event, count in self.errors.most_common(_MOST_ERRORS)),
        ]
        said += ["", "PROMISES", *(f"  {line}" for line in (self.verdict.lines() if self.verdict else ["not checked"]))]
        said += ["", "TIMES", *(f"  {name:<44}{value:8.1f} s" for name, value in self.seconds.items())]
        for name, found in (
            ("slowest, paid to fulfilled", self.slowest_delivery()),
            ("slowest, end of a fault to progress", self.slowest_recovery()),
        ):
            if found is not None:
                said.append(f"  {name:<44}{found[0]:8.1f} s  ({found[1]})")
        return said + self._wrong()

    def _faults(self) -> list[str]:
        counts = Counter(entry.fault.kind for entry in self.injected if entry.met)
        missed = sum(not entry.met for entry in self.injected)
        said = ["", f"FAULTS  {sum(counts.values()) + sum(self.transactions.values())} ({missed} met nobody)"]
        for name, count in sorted({**counts, **_transactions(self.transactions)}.items()):
            said.append(f"  {name:<44}{count:8}")
        reached = sum(self.crashed_at.values())
        never = f"; never reached: {', '.join(self.never_reached)}" if self.never_reached else ""
        said.append(f"  {'… of these, died at their crash point':<44}{reached:8}{never}")
        said.append(f"  {'processes started again':<44}{sum(self.deaths.values()):8}")
        said += [f"  {line}" for line in self.ended_by_themselves]
        return said

    def _orders(self) -> list[str]:
        said = ["", "ORDERS"]
        for behaviour, row in sorted(outcomes(self.orders).items()):
            states = ", ".join(f"{count} {state}" for state, count in sorted(row.items()))
            said.append(f"  {behaviour:<44}{sum(row.values()):8}  {states}")
        mixed = sum(order.yearly is not None for order in self.orders)
        said.append(f"  {'… of these, with items per month and per year':<44}{mixed:8}")
        said += [f"  {'staff decided: ' + verb:<44}{count:8}" for verb, count in sorted(self.decided.items())]
        return said

    def _answers(self) -> list[str]:
        said = ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items()))
        return ["", f"ANSWERS  {said}"]

    def _wrong(self) -> list[str]:
        if self.holds:
            return ["", f"Every promise held (seed {self.seed})."]
        said = ["", f"BROKEN  seed {self.seed}", *(f"  {violation}" for violation in self.violations)]
        for order_id, lines in self.timelines.items():
            said += ["", f"  {order_id}", *(f"    {line}" for line in lines)]
        if self.logs is not None:
            said.append(f"\nThe logs are kept in {self.logs}; the same faults again: CHAOS_SEED={self.seed}")
        return said

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        delivery, recovery = self.slowest_delivery(), self.slowest_recovery()
        return {
            "seed": self.seed,
            "holds": self.holds,
            "orders": len(self.orders),
            "outcomes": outcomes(self.orders),
            "decisions_of_staff": dict(self.decided),
            "faults": dict(Counter(entry.fault.kind for entry in self.injected if entry.met)),
            "transactions": self.transactions,
            "crash_points_reached": dict(self.crashed_at),
            "crash_points_never_reached": self.never_reached,
            "processes_started_again": dict(self.deaths),
            "answers": dict(self.statuses),
            "logged_errors": dict(self.errors),
            "violations": self.violations,
            "promises": self.verdict.lines() if self.verdict else [],
            "seconds": self.seconds,
            "slowest_delivery_seconds": delivery[0] if delivery else None,
            "slowest_recovery_seconds": recovery[0] if recovery else None,
            "logs": str(self.logs) if self.logs else None,
        }

    def write(self, path: Path) -> None:
        """Writes the document as JSON."""
        path.write_text(json.dumps(self.document(), indent=2, sort_keys=True) + "\n")


def _transactions(counts: dict[str, int]) -> dict[str, int]:
    return {f"transaction.{name}": count for name, count in counts.items()}
