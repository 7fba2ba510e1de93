"""Lifecycles of things whose states Stripe decides: we follow, in any order of telling."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from services.billing.domain.facts import Stamp
from shared.database import Instant
from shared.kernel import Lifecycle

# For a status that Stripe may add: what it was called is kept beside it, and shown.
OTHER = "other"


def followed(name: str, states: Sequence[str]) -> Lifecycle:
    """A lifecycle in which Stripe may lead from any of `states` to any other; each verb is the state it leads to."""
    every = [*states, OTHER]
    moves = {(before, after): after for before in every for after in every if before != after}
    return Lifecycle(name, states[0], moves, repeats={state: (state,) for state in every})


class Snapshot:
    """Which of Stripe's snapshots a row shows. `stripe_status` is Stripe's own word for where it stands.

    A subclass sets `ranks`: the states in the order in which Stripe reaches them, for snapshots of one second.
    """

    ranks: tuple[str, ...] = ()

    stripe_status: Mapped[str] = mapped_column(String(40))
    as_of: Mapped[datetime] = mapped_column(Instant)
    as_of_order: Mapped[int] = mapped_column(Integer, default=-1)

    def is_newer(self, word: str, state: str, stamp: Stamp) -> bool:
        """Whether this snapshot is newer than what is shown; notes it then. `word` is what Stripe says for `state`."""
        order = self.ranks.index(state)
        if (stamp.created, order) <= (self.as_of, self.as_of_order):
            return False
        self.as_of, self.as_of_order, self.stripe_status = stamp.created, order, word
        return True
