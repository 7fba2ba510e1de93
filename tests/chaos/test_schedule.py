"""The plan of faults: decided by the seed, complete, and about things that exist."""

import re
from pathlib import Path

import pytest

from sandbox.stripe import faults as stripe_faults
from tests.chaos.orders import _SHARES, orders
from tests.chaos.schedule import CRASH_POINTS, FORGERIES, KINDS, PROCESSES, Fault, kinds_of, plan

ROOT = Path(__file__).parents[2]
_REACHED = re.compile(r'\breach\(f?"([^"]+)"\)')


@pytest.mark.parametrize("count", [12, 60, 200, 1000])
def test_the_same_seed_gives_the_same_run(count: int) -> None:
    assert plan(7, count) == plan(7, count)
    assert orders(7, count) == orders(7, count)
    assert [str(fault) for fault in plan(7, count)] != [str(fault) for fault in plan(8, count)]
    assert [order.behaviour for order in orders(7, count)] != [order.behaviour for order in orders(8, count)]


@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_orders_meet_every_fault_on_every_target(seed: int) -> None:
    planned = {(fault.kind, fault.target) for fault in plan(seed, 200)}
    assert planned >= {(kind.name, target) for kind in KINDS for target in kind.targets}


@pytest.mark.parametrize("seed", range(5))
def test_sixty_orders_meet_every_kind_of_fault(seed: int) -> None:
    assert kinds_of(plan(seed, 60)) == {kind.name for kind in KINDS}


def test_a_short_run_meets_only_what_is_recovered_from_soon() -> None:
    slow = {kind.name for kind in KINDS if kind.slow}
    assert all(not kinds_of(plan(seed, 12)) & slow for seed in range(20))
    assert all(len(plan(seed, 12)) >= 6 for seed in range(20))


def test_faults_begin_in_order_and_while_orders_are_placed() -> None:
    moments = [fault.at for fault in plan(3, 200)]
    assert moments == sorted(moments)
    assert moments[0] > 0
    assert moments[-1] < 200


def test_some_process_oversleeps_its_lease_and_postgres_freezes_for_at_most_half_a_minute() -> None:
    def seconds(kind: str) -> list[float]:
        return [fault.seconds for seed in range(20) for fault in plan(seed, 200) if fault.kind == kind]

    assert min(seconds("process.stop_beyond_lease")) > 15
    assert max(seconds("postgres.freeze")) <= 30


def test_every_place_where_a_process_may_be_told_to_die_is_on_the_plan() -> None:
    known = {point for _process, point in CRASH_POINTS}
    places = {
        place
        for folder in ("services", "shared")
        for file in (ROOT / folder).rglob("*.py")
        for place in _REACHED.findall(file.read_text())
    }
    assert len(places) > 10
    for place in places:
        pattern = re.compile(re.sub(r"\\\{[^}]*\\\}", r"[a-z_]+", re.escape(place)))
        assert any(pattern.fullmatch(point) for point in known), place


def test_crash_points_are_planned_for_processes_that_exist() -> None:
    assert {process for process, _point in CRASH_POINTS} <= set(PROCESSES)


def test_every_forgery_of_the_sandbox_is_on_the_plan() -> None:
    planned = {*FORGERIES, "stale_timestamp", "future_timestamp", "wrong_mode"}
    assert planned == {*stripe_faults.FORGERIES, *stripe_faults.MISDIRECTED}


def test_every_behaviour_is_among_the_first_few_orders() -> None:
    assert {order.behaviour for order in orders(5, 12)} == set(_SHARES)
    assert len({order.key for order in orders(5, 200)}) == 200


@pytest.mark.parametrize("seed", range(5))
def test_every_run_has_a_mixed_order_and_a_decision_of_staff(seed: int) -> None:
    found = orders(seed, 12)
    assert any(order.behaviour == "pays" and len(order.body()["items"]) == 2 for order in found)
    assert any(order.decisions for order in found)
    assert all(order.expected() == ("fulfilled",) for order in found if order.decisions)


def test_only_one_of_two_units_comes_back_after_it_ended() -> None:
    restored = [order for order in orders(1, 400) if "restore" in order.decisions]
    assert restored
    assert all(order.quantity == 2 for order in restored)


def test_a_fault_is_printed_with_all_it_takes_to_recognise_it() -> None:
    fault = Fault(3.5, "link.delay", "smtp", 4.0, {"delay": 0.2})
    assert str(fault) == "at order    3.5: link.delay smtp for 4.0 s delay=0.2"
