"""Which fault happens when: decided by the seed alone, before anything runs, so that a seed that fails can be replayed.

A moment is a share of the orders: a fault due at 37.4 begins once 37 orders have been begun and the 38th is under way.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SERVICES = ("identity", "billing", "catalog", "provisioning", "support")
APIS = tuple(f"{service}-api" for service in SERVICES)
WORKERS = tuple(f"{service}-worker" for service in SERVICES)
PROCESSES = ("gateway", *APIS, *WORKERS)
LINKS = ("postgres", "rabbit", "stripe", "hypervisor", "smtp", "gateway")
FORGERIES = ("wrong_secret", "missing_header", "empty_header", "only_v0", "garbage_timestamp", "tampered_body")

_CONSUMERS = ("billing", "catalog", "provisioning", "support")
_PUBLISHERS = ("identity", "billing", "catalog", "provisioning")
# Named places where a process dies when it is armed for them: (who reaches it, its name).
CRASH_POINTS: tuple[tuple[str, str], ...] = (
    *((f"{service}-api", f"{service}.{moment}_commit") for service in SERVICES for moment in ("before", "after")),
    *((f"{service}-worker", f"{service}.{moment}_commit") for service in SERVICES for moment in ("before", "after")),
    *((f"{service}-worker", f"{service}.relay.before_publish") for service in _PUBLISHERS),
    *((f"{service}-worker", f"{service}.relay.after_publish") for service in _PUBLISHERS),
    *((f"{service}-worker", f"{service}.inbox.before_handle") for service in _CONSUMERS),
    *((f"{service}-worker", f"{service}.inbox.after_commit") for service in _CONSUMERS),
    *((f"{service}-worker", f"{service}.inbox.after_claim") for service in _CONSUMERS),
    ("billing-worker", "billing.stripe_events.after_claim"),
    ("billing-worker", "billing.stripe_tasks.after_claim"),
    ("billing-worker", "billing.tasks.after_call"),
    ("billing-api", "billing.checkout.after_call"),
    ("billing-api", "billing.intake.after_commit"),
    ("catalog-api", "catalog.checkout.after_billing"),
    ("provisioning-worker", "provisioning.jobs.after_claim"),
    ("provisioning-worker", "provisioning.before_create"),
    ("provisioning-worker", "provisioning.after_create"),
    ("provisioning-worker", "provisioning.before_activate"),
    ("support-worker", "support.notifications.after_claim"),
    ("support-worker", "support.notifications.before_send"),
    ("support-worker", "support.notifications.after_send"),
)

Range = tuple[float, float]


@dataclass(frozen=True)
class Kind:
    """One kind of fault. `seconds` is how long it lasts; `slow` says that recovering from it takes long by design."""

    name: str
    targets: tuple[str, ...] = ("",)
    seconds: Range = (0.0, 0.0)
    numbers: Mapping[str, Range] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    slow: bool = False


# A stop of more than fifteen seconds outlasts every lease: the process wakes up as somebody whose work was given away.
KINDS: tuple[Kind, ...] = (
    Kind("process.kill", PROCESSES),
    Kind("process.stop", PROCESSES, (2, 8)),
    Kind("process.stop_beyond_lease", WORKERS, (16, 24), slow=True),
    Kind("process.crash_point", tuple(f"{process}@{point}" for process, point in CRASH_POINTS)),
    Kind("postgres.kill"),
    Kind("postgres.kill_backend"),
    Kind("postgres.terminate_backend"),
    Kind("postgres.immediate_stop"),
    Kind("postgres.freeze", seconds=(3, 30), slow=True),
    Kind("rabbit.kill"),
    Kind("rabbit.freeze", seconds=(3, 15)),
    Kind("link.cut_all", LINKS),
    Kind("link.cut_one", LINKS),
    Kind("link.half_open", LINKS, choices={"direction": ("both", "to_server", "to_client")}, slow=True),
    Kind("link.refuse", LINKS, (1, 6)),
    Kind("link.delay", LINKS, (3, 8), {"delay": (0.05, 0.6)}),
    Kind("webhook.duplicate", seconds=(4, 8), numbers={"copies": (50, 50)}),
    Kind("webhook.delay", seconds=(6, 10), numbers={"delay": (5, 20)}),
    Kind("webhook.reorder", seconds=(8, 15)),
    Kind("webhook.withhold", numbers={"events": (5, 25)}, slow=True),
    Kind("webhook.forge", seconds=(4, 8), numbers={"events": (4, 12)}),
    Kind("webhook.stale", seconds=(4, 8), numbers={"events": (4, 12)}),
    Kind("webhook.future", seconds=(4, 8), numbers={"events": (4, 12)}),
    Kind("webhook.wrong_mode", seconds=(4, 8), numbers={"events": (4, 12)}),
    Kind("stripe.error", numbers={"calls": (2, 8)}),
    Kind("stripe.rate_limit", numbers={"calls": (2, 8)}),
    Kind("stripe.drop_after_processing", numbers={"calls": (1, 4)}),
    Kind("stripe.timeout_after_processing", numbers={"calls": (1, 2), "hang": (12, 30)}),
    Kind("hypervisor.silent_after_create", numbers={"calls": (1, 3), "hang": (5, 30)}),
    Kind("hypervisor.cut_after_create", numbers={"calls": (1, 3)}),
    Kind("hypervisor.error", numbers={"calls": (1, 6)}),
    Kind("hypervisor.hang", numbers={"calls": (1, 3), "hang": (5, 30)}),
    Kind("hypervisor.malformed", numbers={"calls": (1, 4)}),
    Kind("hypervisor.list_late", seconds=(8, 15), numbers={"lag": (2, 10)}),
    Kind("hypervisor.outage", seconds=(3, 12)),
)

# Orders for which one run of every kind on every target is planned; a longer run repeats them, less densely.
WHOLE = 200
_SHORT = 50
_PER_ORDER = 0.6


@dataclass(frozen=True)
class Fault:
    """One planned fault. `at` counts orders begun, `seconds` is how long it lasts once it has begun."""

    at: float
    kind: str
    target: str
    seconds: float
    more: Mapping[str, float | str]

    def __str__(self) -> str:
        lasts = f" for {self.seconds:.1f} s" if self.seconds else ""
        more = "".join(f" {name}={value}" for name, value in self.more.items())
        return f"at order {self.at:6.1f}: {self.kind} {self.target}{lasts}{more}".rstrip()


def plan(seed: int, orders: int) -> list[Fault]:
    """The faults of a run, earliest first: the same for the same seed and number of orders."""
    rng = random.Random(f"faults {seed} {orders}")
    chosen = _chosen(rng, orders)
    rng.shuffle(chosen)
    first, last = 0.04 * orders, 0.92 * orders
    step = (last - first) / max(len(chosen), 1)
    return [
        _fault(rng, first + step * (index + rng.uniform(0, 0.9)), kind, target)
        for index, (kind, target) in enumerate(chosen)
    ]


def _chosen(rng: random.Random, orders: int) -> list[tuple[Kind, str]]:
    everything = [(kind, target) for kind in KINDS for target in kind.targets]
    if orders >= WHOLE:
        further = [rng.choice(everything) for _ in range(round((orders - WHOLE) * _PER_ORDER / 3))]
        return everything + further
    # Too few orders for everything: first every kind once (a very short run leaves out what recovers slowly).
    kinds = [kind for kind in KINDS if orders >= _SHORT or not kind.slow]
    rng.shuffle(kinds)
    count = max(6, round(orders * _PER_ORDER))
    chosen = [(kind, rng.choice(kind.targets)) for kind in kinds[:count]]
    rest = [(kind, target) for kind, target in everything if kind in kinds and (kind, target) not in chosen]
    return chosen + rng.sample(rest, min(max(0, count - len(chosen)), len(rest)))


def _fault(rng: random.Random, at: float, kind: Kind, target: str) -> Fault:
    more: dict[str, Any] = {name: round(rng.uniform(*bounds), 2) for name, bounds in kind.numbers.items()}
    more |= {name: rng.choice(values) for name, values in kind.choices.items()}
    if kind.name.startswith("link.") or kind.name.endswith("_backend"):
        more["pick"] = round(rng.random(), 3)
    return Fault(round(at, 2), kind.name, target, round(rng.uniform(*kind.seconds), 2), more)


def kinds_of(faults: Sequence[Fault]) -> set[str]:
    """The kinds that occur."""
    return {fault.kind for fault in faults}
