"""Which intent waits for, replaces or refuses which: every pair, and what must hold of all of them."""

import pytest

from services.provisioning.domain import (
    ACTION,
    CHANGE,
    CREATE,
    LIFE,
    POSSIBLE,
    REMOVE,
    RESOURCE_LIFECYCLE,
    RESTORE,
    RESUME,
    RULES,
    SUSPEND,
    TERMINATE,
    Outcome,
    kind_of,
)

KINDS = (*LIFE, ACTION)
W, R, S, X = Outcome.WAITS, Outcome.REPLACES, Outcome.SAME, Outcome.REFUSED

# Rows: what is pending. Columns: what arrives. Two letters: before the pending one has begun, and after.
TABLE = """
              create suspend resume change terminate restore remove action
    create    S      W       W      W      R         X       X      X
    suspend   X      S       RW     W      R         X       X      X
    resume    X      RW      S      W      R         X       X      X
    change    X      W       W      R      R         X       X      X
    terminate X      X       X      X      S         W       W      X
    restore   X      W       W      W      R         S       X      X
    remove    X      X       X      X      X         RX      S      X
    action    X      R       W      W      R         R       R      X
"""
LETTERS = {"W": W, "R": R, "S": S, "X": X}


def expected() -> dict[tuple[str, str], tuple[Outcome, Outcome]]:
    head, *rows = TABLE.strip().splitlines()
    columns = head.split()
    found = {}
    for row in rows:
        pending, *cells = row.split()
        for arriving, cell in zip(columns, cells, strict=True):
            found[pending, arriving] = (LETTERS[cell[0]], LETTERS[cell[-1]])
    return found


@pytest.mark.parametrize("pending", KINDS)
@pytest.mark.parametrize("arriving", KINDS)
def test_every_pair_is_decided_with_a_reason(pending: str, arriving: str) -> None:
    rule = RULES[pending, arriving]
    assert (rule.now(begun=False), rule.now(begun=True)) == expected()[pending, arriving]
    assert rule.why


def test_nothing_else_is_decided() -> None:
    assert set(RULES) == {(pending, arriving) for pending in KINDS for arriving in KINDS}


@pytest.mark.parametrize("pending", [ACTION, CREATE, SUSPEND, RESUME, CHANGE, RESTORE])
def test_ending_never_queues_behind_anything_that_keeps_a_service(pending: str) -> None:
    assert RULES[pending, TERMINATE].now(begun=True) is R


@pytest.mark.parametrize("arriving", [SUSPEND, TERMINATE])
def test_no_click_of_a_customer_outlives_a_suspension_or_an_end(arriving: str) -> None:
    assert RULES[ACTION, arriving].now(begun=False) is R
    assert RULES[ACTION, arriving].now(begun=True) is R


@pytest.mark.parametrize("pending", [*LIFE])
def test_nobody_presses_a_button_while_something_is_decided_about_the_service(pending: str) -> None:
    assert RULES[pending, ACTION].now(begun=False) is X
    assert RULES[pending, ACTION].now(begun=True) is X


@pytest.mark.parametrize("pending", [kind for kind in KINDS if kind not in (TERMINATE, REMOVE, ACTION)])
def test_nothing_is_deleted_that_has_not_ended(pending: str) -> None:
    assert RULES[pending, REMOVE].now(begun=False) is X
    assert POSSIBLE[REMOVE] == {"terminated"}


def test_every_state_an_intent_is_possible_in_exists() -> None:
    assert set(POSSIBLE) == set(KINDS)
    assert {state for states in POSSIBLE.values() for state in states} <= set(RESOURCE_LIFECYCLE.states)
    assert POSSIBLE[ACTION] == {"active"}
    assert "suspended" not in POSSIBLE[CREATE] | POSSIBLE[ACTION]


def test_what_is_not_of_life_is_an_action_of_a_product_type() -> None:
    assert [kind_of(intent) for intent in (*LIFE, "start", "rotate-keys")] == [*LIFE, ACTION, ACTION]


def test_resuming_takes_back_a_suspension_only_while_nothing_of_it_was_done() -> None:
    assert RULES[SUSPEND, RESUME].now(begun=False) is R
    assert RULES[SUSPEND, RESUME].now(begun=True) is W
    assert RULES[REMOVE, RESTORE].now(begun=True) is X
