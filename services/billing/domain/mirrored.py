"""Lifecycles of things whose states Stripe decides: we follow, in any order of telling."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.facts import Stamp
from shared.database import Instant, Stateful
from shared.kernel import Lifecycle

# For a status that Stripe may add: what it was called is kept beside it, and shown.
OTHER = "other"


def followed(name: str, states: Sequence[str]) -> Lifecycle:
    """A lifecycle in which Stripe may lead from any of `states` to any other; each verb is the state it leads to."""
    every = [*states, OTHER]
    moves = {(before, after): after for before in every for after in every if before != after}
    return Lifecycle(name, states[0], moves, repeats={state: (state,) for state in every})


class Followed(Stateful):
    """A row that shows the newest of Stripe's snapshots. `stripe_status` is Stripe's own word.

    A subclass sets `ranks`: the states in the order in which Stripe reaches them, for snapshots of one second.
    """

    ranks: tuple[str, ...] = ()

    stripe_status: Mapped[str] = mapped_column(String(40))
    as_of: Mapped[datetime] = mapped_column(Instant)
    as_of_order: Mapped[int] = mapped_column(Integer, default=-1)

    def follow(self, word: str, state: str, stamp: Stamp) -> bool:
        """Moves to `state`, for which Stripe's word is `word`, unless something newer is shown. True when it moved."""
        order = self.ranks.index(state) if state in self.ranks else 0
        if (stamp.created, order) <= (self.as_of, self.as_of_order):
            return False
        self.as_of, self.as_of_order, self.stripe_status = stamp.created, order, word
        return self._move(state, at=stamp.created, by="stripe", detail={"status": word})
