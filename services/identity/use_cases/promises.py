"""What identity promises, as queries that find who breaks it. Read by the clock once a minute."""

from shared.web.invariants import Invariant, stuck_facts, told_twice

INVARIANTS: tuple[Invariant, ...] = (
    stuck_facts(),
    told_twice("identity.user.registered.v1", "identity.verification.requested.v1"),
)
