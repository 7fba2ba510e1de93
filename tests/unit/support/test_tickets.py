from datetime import UTC, datetime, timedelta

import pytest

from services.support.domain import TICKET_LIFECYCLE, Ticket
from shared.kernel import IllegalMove, new_id

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

EXPECTED = {
    ("open", "answer"): "answered",
    ("open", "reply"): "open",
    ("open", "close"): "closed",
    ("answered", "answer"): "answered",
    ("answered", "reply"): "customer_replied",
    ("answered", "close"): "closed",
    ("customer_replied", "answer"): "answered",
    ("customer_replied", "reply"): "customer_replied",
    ("customer_replied", "close"): "closed",
    ("closed", "answer"): "answered",
    ("closed", "reply"): "customer_replied",
    ("closed", "close"): "closed",
}


def opened(**changes: object) -> Ticket:
    values = {
        "account_id": new_id("acc"),
        "opened_by": new_id("usr"),
        "subject": "x",
        "priority": "normal",
        "service_id": None,
        "at": NOW,
    }
    return Ticket.open(**{**values, **changes})  # type: ignore[arg-type]


def test_every_pair_of_state_and_verb_is_decided() -> None:
    pairs = {(state, verb) for state in TICKET_LIFECYCLE.states for verb in TICKET_LIFECYCLE.verbs}
    assert {pair: TICKET_LIFECYCLE.after(*pair) for pair in pairs} == EXPECTED


def test_a_verb_nobody_knows_is_refused() -> None:
    with pytest.raises(IllegalMove):
        TICKET_LIFECYCLE.after("open", "delete")


def test_only_a_real_move_makes_a_new_version() -> None:
    ticket = opened()
    ticket.customer_says("more", user_id=new_id("usr"), name="Ada", at=NOW)
    assert (ticket.status, ticket.version) == ("open", 1)
    ticket.staff_says("answer", user_id=new_id("usr"), name="Grace", at=NOW)
    ticket.staff_says("and more", user_id=new_id("usr"), name="Grace", at=NOW)
    assert (ticket.status, ticket.version) == ("answered", 2)


def test_every_message_freshens_the_ticket_and_a_second_close_does_not() -> None:
    ticket, later = opened(), NOW + timedelta(hours=1)
    ticket.customer_says("more", user_id=new_id("usr"), name="Ada", at=later)
    assert ticket.updated_at == later
    ticket.close(by="usr_x", at=later)
    ticket.close(by="usr_x", at=later + timedelta(hours=1))
    assert ticket.updated_at == later


def test_a_note_is_internal_and_moves_nothing() -> None:
    ticket = opened()
    note = ticket.note_for_staff("hm", user_id=None, name="Provisioning", at=NOW)
    assert (note.internal, note.author_kind, ticket.status) == (True, "system", "open")
    assert not ticket.staff_says("x", user_id=new_id("usr"), name="Grace", at=NOW).internal
