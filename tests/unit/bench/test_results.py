"""Figures, their merging, and the page people read."""

import json
import math
from pathlib import Path

import pytest

from bench import results
from bench.__main__ import BENCHMARKS, chosen
from bench.measure import Measure, median, percentile, quotient, reaches

RUN = {"date": "2026-11-23", "machine": "two cores", "ours": {"uvicorn": "1.0"}}


def _measure(identity: str, ratio: float, goal: float, *, at_most: bool = False, note: str = "") -> Measure:
    met = reaches(ratio, goal, at_most=at_most)
    detail = {"settings": {"workers": 3}, "rounds": [{"p50": 1.234567}, {"p50": 2.0}]}
    return Measure(
        identity, f"work of {identity}", "a peer", "acks/s", 9000.0, 450.0, ratio, goal, met, detail, note, at_most
    )


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.0, 1), (0.001, 1), (0.011, 2)]
)
def test_a_percentile_is_a_value_that_was_seen(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_nothing_measured_is_no_figure_and_meets_no_goal() -> None:
    assert math.isnan(median([]))
    assert math.isnan(percentile([], 0.5))
    assert math.isnan(quotient(1.0, 0.0))
    assert not reaches(math.nan, 0.0)
    assert not reaches(math.nan, 1.0, at_most=True)


def test_a_median_of_two_lies_between_them() -> None:
    assert median([3.0, 1.0]) == 2.0


def test_a_goal_may_be_a_floor_or_a_ceiling() -> None:
    assert reaches(20.0, 20.0)
    assert not reaches(19.9, 20.0)
    assert reaches(0.05, 0.05, at_most=True)
    assert not reaches(0.051, 0.05, at_most=True)


def test_a_partial_run_replaces_only_what_it_measured() -> None:
    first = results.merge({}, [_measure("P1", 21, 20), _measure("P10", 1.1, 1.25, at_most=True)], RUN)
    second = results.merge(first, [_measure("P1", 19, 20), _measure("P2", 0.9, 0.8)], {**RUN, "date": "2026-11-24"})
    assert list(second) == ["P1", "P2", "P10", "run"]
    assert (second["P1"]["ratio"], second["P1"]["met"], second["P1"]["measured"]) == (19, False, "2026-11-24")
    assert second["P10"] == first["P10"]


def test_further_goals_of_one_benchmark_stand_beside_it() -> None:
    found = results.merge({}, [_measure("P1.p99", 0.05, 0.1, at_most=True), _measure("P1", 21, 20)], RUN)
    assert list(found) == ["P1", "P1.p99", "run"]


def test_results_for_machines_name_what_is_promised() -> None:
    found = results.merge({}, [_measure("P1", 21.123456, 20)], RUN)
    assert {"ratio", "goal", "met", "unit", "ours", "peer"} <= found["P1"].keys()
    assert found["P1"]["ratio"] == 21.12
    assert json.loads(json.dumps(found)) == found


def test_a_figure_that_could_not_be_measured_is_null_for_machines_and_a_dash_for_people() -> None:
    found = results.merge({}, [_measure("P5", math.nan, 0.5)], RUN)
    assert found["P5"]["ratio"] is None
    assert "| – | ≥ 0.5 | **missed** |" in results.render(found)


def test_the_page_says_what_was_reached_what_was_missed_and_why() -> None:
    measures = [
        _measure("P1", 21, 20),
        _measure("P1.p99", 0.2, 0.1, at_most=True, note="the access log"),
    ]
    page = results.render(results.merge({}, measures, RUN))
    assert "1 of 2 goals are met" in page
    assert "| P1 | work of P1 | a peer | 9,000 | 450 | acks/s | 21 | ≥ 20 | met |" in page
    assert "| 0.2 | ≤ 0.1 | **missed** |" in page
    assert "- **P1.p99**: the access log" in page
    assert "- machine: two cores" in page
    assert "  - round 2: p50 2" in page


def test_both_files_are_written_and_read_back(tmp_path: Path) -> None:
    found = results.merge({}, [_measure("P1", 21, 20)], RUN)
    results.save(found, tmp_path / "results.json", tmp_path / "RESULTS.md")
    assert results.load(tmp_path / "results.json") == found
    assert (tmp_path / "RESULTS.md").read_text() == results.render(found)
    assert results.load(tmp_path / "missing.json") == {}


def test_benchmarks_are_chosen_by_name_in_their_order() -> None:
    assert chosen([]) == list(BENCHMARKS)
    assert chosen(["p4", "P2"]) == ["P1", "P4"]
    with pytest.raises(ValueError, match="P77"):
        chosen(["P77"])
