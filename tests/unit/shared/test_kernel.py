"""Ids, money and lifecycles: the rules at the bottom of everything."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import IllegalMove, Lifecycle, Money, decode_id, encode_id, new_id, prefix_of
from shared.kernel.ids import uuid7


@given(st.uuids(), st.sampled_from(["ord", "acc", "svc"]))
def test_an_id_survives_the_way_there_and_back(value: uuid.UUID, prefix: str) -> None:
    assert decode_id(prefix, encode_id(prefix, value)) == value


def test_ids_follow_the_typeid_specification() -> None:
    # The example of the specification's own test vectors.
    value = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
    assert encode_id("prefix", value) == "prefix_01h455vb4pex5vsknk084sn02q"


def test_later_ids_sort_after_earlier_ones() -> None:
    assert encode_id("ord", uuid7(1_000)) < encode_id("ord", uuid7(1_001))
    made = [uuid7() for _ in range(2000)]  # many within each millisecond
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert uuid7().version == 7
    assert uuid7().variant == uuid.RFC_4122


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ord_",
        "ord",
        "acc_01h455vb4pex5vsknk084sn02q",
        "ord_81h455vb4pex5vsknk084sn02q",
        "ord_01h455vb4pex5vsknk084sn02u",
        "ord_01H455VB4PEX5VSKNK084SN02Q",
    ],
)
def test_what_is_no_order_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ord"):
        decode_id("ord", text)


def test_a_new_id_says_what_it_names() -> None:
    assert prefix_of(new_id("svc")) == "svc"


def test_money_never_mixes_currencies() -> None:
    with pytest.raises(ValueError, match="mix"):
        _ = Money(1, "EUR") + Money(1, "USD")


@pytest.mark.parametrize("amount", [1.5, "1", True, None])
def test_money_is_whole_minor_units_only(amount: object) -> None:
    with pytest.raises(TypeError):
        Money(amount, "EUR")  # type: ignore[arg-type]


DOOR = Lifecycle("door", "open", {("open", "close"): "closed", ("closed", "lock"): "locked"}, {"close": ["closed"]})


def test_a_lifecycle_allows_its_moves_and_nothing_else() -> None:
    outcomes = {}
    for state in DOOR.states:
        for verb in DOOR.verbs:
            try:
                outcomes[state, verb] = DOOR.after(state, verb)
            except IllegalMove:
                outcomes[state, verb] = None
    assert outcomes == {
        ("open", "close"): "closed",
        ("open", "lock"): None,
        ("closed", "close"): "closed",
        ("closed", "lock"): "locked",
        ("locked", "close"): None,
        ("locked", "lock"): None,
    }


def test_a_pair_cannot_be_a_move_and_a_repeat() -> None:
    with pytest.raises(ValueError, match="both"):
        Lifecycle("door", "open", {("open", "close"): "closed"}, {"close": ["open"]})
