"""State machines: one table of moves, and one method that makes them.

A lifecycle is data, so that a test can walk every (state, verb) pair and a diagram can be drawn from it.
"""

from collections.abc import Iterable, Mapping

from shared.kernel.errors import Conflict


class IllegalMove(Conflict):
    """`verb` is not possible in `state`."""

    def __init__(self, lifecycle: str, state: str, verb: str) -> None:
        super().__init__(
            f"{lifecycle}: cannot {verb} while {state}",
            slug="illegal-move",
            title="Not possible in this state",
        )
        self.lifecycle = lifecycle
        self.state = state
        self.verb = verb


class Lifecycle:
    """The states of one kind of thing, where it starts, and every move that is allowed.

    `moves` maps (state, verb) to the next state. `repeats` maps a verb to the states in which saying it
    again is harmless: the fact is already true, so the move changes nothing. What is in neither is illegal.
    """

    def __init__(
        self,
        name: str,
        start: str,
        moves: Mapping[tuple[str, str], str],
        repeats: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.name = name
        self.start = start
        self.moves = dict(moves)
        self.repeats = {verb: frozenset(states) for verb, states in (repeats or {}).items()}
        reachable = [start, *(state for state, _ in self.moves), *self.moves.values()]
        self.states = tuple(dict.fromkeys(reachable))
        self.verbs = tuple(dict.fromkeys(verb for _, verb in self.moves))
        for verb, states in self.repeats.items():
            for state in states:
                if (state, verb) in self.moves or state not in self.states:
                    raise ValueError(f"{name}: ({state}, {verb}) cannot be both a move and a repeat")

    def after(self, state: str, verb: str) -> str:
        """The state that `verb` leads to from `state`; `state` itself for a repeat. Raises IllegalMove."""
        target = self.moves.get((state, verb))
        if target is not None:
            return target
        if state in self.repeats.get(verb, ()):
            return state
        raise IllegalMove(self.name, state, verb)

    def is_repeat(self, state: str, verb: str) -> bool:
        """Whether `verb` in `state` says what is already true."""
        return state in self.repeats.get(verb, ())

    def allows(self, state: str, verb: str) -> bool:
        """Whether `verb` would change `state`."""
        return (state, verb) in self.moves
