"""What may be wanted of a resource, and which wish waits for, replaces or refuses which: a table, so that a test can
walk it pair by pair.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

CREATE, SUSPEND, RESUME, CHANGE = "create", "suspend", "resume", "change"
TERMINATE, RESTORE, REMOVE = "terminate", "restore", "remove"
# Of a resource's life, decided by its right; every other intent is an action of its product type's own.
LIFE = (CREATE, SUSPEND, RESUME, CHANGE, TERMINATE, RESTORE, REMOVE)
ACTION = "action"
KINDS = (*LIFE, ACTION)


def kind_of(intent: str) -> str:
    """The intent itself when it is one of life, else `action`."""
    return intent if intent in LIFE else ACTION


class Intended(Protocol):
    """Whatever carries an intent out."""

    intent: str


class Outcome(StrEnum):
    """What becomes of an intent that arrives while another is pending."""

    WAITS = "waits"
    """Both are done, the pending one first."""
    REPLACES = "replaces"
    """The pending one is given up. If a worker holds it, the new one begins when that worker's lease is over."""
    SAME = "same"
    """The pending one does it already."""
    REFUSED = "refused"
    """It makes no sense now."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`begun` is the outcome once a step of the pending intent was begun, where that differs."""

    outcome: Outcome
    why: str
    begun: Outcome | None = None

    def now(self, *, begun: bool) -> Outcome:
        """The outcome, given whether the pending intent has begun."""
        return self.begun if begun and self.begun is not None else self.outcome


_W, _R, _S, _X = Outcome.WAITS, Outcome.REPLACES, Outcome.SAME, Outcome.REFUSED

# (pending, arriving) → what becomes of the arriving one.
RULES: Mapping[tuple[str, str], Rule] = {
    (CREATE, CREATE): Rule(_S, "one right is delivered once"),
    (CREATE, SUSPEND): Rule(_W, "what is half made cannot be held; it is suspended the moment it runs"),
    (CREATE, RESUME): Rule(_W, "it follows the suspension that waits too"),
    (CREATE, CHANGE): Rule(_W, "it is made as it was paid for first, so that no half-made machine has two sizes"),
    (CREATE, TERMINATE): Rule(_R, "nobody wants it any more; whatever exists is stopped and kept for its grace"),
    (CREATE, RESTORE): Rule(_X, "nothing has ended"),
    (CREATE, REMOVE): Rule(_X, "only what has ended is removed"),
    (CREATE, ACTION): Rule(_X, "there is nothing yet to act on"),
    (SUSPEND, CREATE): Rule(_X, "it exists"),
    (SUSPEND, SUSPEND): Rule(_S, "it is being suspended"),
    (SUSPEND, RESUME): Rule(_R, "a suspension nobody wants any more need not happen", begun=_W),
    (SUSPEND, CHANGE): Rule(_W, "it is changed while it is off"),
    (SUSPEND, TERMINATE): Rule(_R, "ending stops and holds it as well"),
    (SUSPEND, RESTORE): Rule(_X, "nothing has ended"),
    (SUSPEND, REMOVE): Rule(_X, "only what has ended is removed"),
    (SUSPEND, ACTION): Rule(_X, "a suspended service cannot be acted on by its customer"),
    (RESUME, CREATE): Rule(_X, "it exists"),
    (RESUME, SUSPEND): Rule(_R, "it must not run", begun=_W),
    (RESUME, RESUME): Rule(_S, "it is being resumed"),
    (RESUME, CHANGE): Rule(_W, "both are wanted, and neither hurts the other"),
    (RESUME, TERMINATE): Rule(_R, "it need not run again to be ended"),
    (RESUME, RESTORE): Rule(_X, "nothing has ended"),
    (RESUME, REMOVE): Rule(_X, "only what has ended is removed"),
    (RESUME, ACTION): Rule(_X, "it is not running yet"),
    (CHANGE, CREATE): Rule(_X, "it exists"),
    (CHANGE, SUSPEND): Rule(_W, "a change that is stopped half way leaves neither size"),
    (CHANGE, RESUME): Rule(_W, "both are wanted, and neither hurts the other"),
    (CHANGE, CHANGE): Rule(_R, "the newest is meant; every step sets a whole value, so nothing of the old one stays"),
    (CHANGE, TERMINATE): Rule(_R, "what ends need not be changed"),
    (CHANGE, RESTORE): Rule(_X, "nothing has ended"),
    (CHANGE, REMOVE): Rule(_X, "only what has ended is removed"),
    (CHANGE, ACTION): Rule(_X, "a change may restart it; two hands on one switch break things"),
    (TERMINATE, CREATE): Rule(_X, "it ends; a new right makes a new one"),
    (TERMINATE, SUSPEND): Rule(_X, "ending holds it already"),
    (TERMINATE, RESUME): Rule(_X, "what ends does not run again unless its right is restored"),
    (TERMINATE, CHANGE): Rule(_X, "what ends is not changed"),
    (TERMINATE, TERMINATE): Rule(_S, "it is being ended"),
    (TERMINATE, RESTORE): Rule(_W, "one that has begun is finished and then undone, so that every state is whole"),
    (TERMINATE, REMOVE): Rule(_W, "it is removed after it has ended"),
    (TERMINATE, ACTION): Rule(_X, "what ends cannot be acted on"),
    (RESTORE, CREATE): Rule(_X, "it exists"),
    (RESTORE, SUSPEND): Rule(_W, "it is restored whole and then suspended"),
    (RESTORE, RESUME): Rule(_W, "it runs after it is restored anyway"),
    (RESTORE, CHANGE): Rule(_W, "it is restored as it was and then changed"),
    (RESTORE, TERMINATE): Rule(_R, "it has to end after all"),
    (RESTORE, RESTORE): Rule(_S, "it is being restored"),
    (RESTORE, REMOVE): Rule(_X, "its right is valid again"),
    (RESTORE, ACTION): Rule(_X, "it is not running yet"),
    (REMOVE, CREATE): Rule(_X, "it is gone; a new right makes a new one"),
    (REMOVE, SUSPEND): Rule(_X, "it has ended"),
    (REMOVE, RESUME): Rule(_X, "it has ended"),
    (REMOVE, CHANGE): Rule(_X, "it has ended"),
    (REMOVE, TERMINATE): Rule(_X, "it has ended"),
    (REMOVE, RESTORE): Rule(_R, "its data is still there", begun=_X),
    (REMOVE, REMOVE): Rule(_S, "it is being removed"),
    (REMOVE, ACTION): Rule(_X, "it has ended"),
    (ACTION, CREATE): Rule(_X, "it exists"),
    (ACTION, SUSPEND): Rule(_R, "no click of its customer may run it once it is suspended"),
    (ACTION, RESUME): Rule(_W, "both leave it running or as its owner wants it"),
    (ACTION, CHANGE): Rule(_W, "a click takes moments"),
    (ACTION, TERMINATE): Rule(_R, "ending never queues behind a restart"),
    (ACTION, RESTORE): Rule(_R, "an action on what had ended means nothing any more"),
    (ACTION, REMOVE): Rule(_R, "what is removed cannot be acted on"),
    (ACTION, ACTION): Rule(_X, "one action at a time"),
}

# In which states of a resource an intent may be carried out; anywhere else it comes to nothing.
POSSIBLE: Mapping[str, frozenset[str]] = {
    CREATE: frozenset({"pending", "provisioning", "failed"}),
    SUSPEND: frozenset({"active", "suspended", "terminated"}),
    RESUME: frozenset({"active", "suspended"}),
    CHANGE: frozenset({"active", "suspended"}),
    TERMINATE: frozenset({"pending", "provisioning", "failed", "active", "suspended"}),
    RESTORE: frozenset({"terminated"}),
    REMOVE: frozenset({"terminated"}),
    ACTION: frozenset({"active"}),
}
