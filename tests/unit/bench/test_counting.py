"""What the bench counts: stored events against sent ones, jobs done once, CPU time with all children."""

import os
import subprocess
import sys

import pytest

from bench.journeys import STAGES, Journey, slowest_stage
from bench.p03_open_loop import compare
from bench.p09_backlog import Drained
from bench.processes import cpu_seconds

TICK = 1 / os.sysconf("SC_CLK_TCK")
SENT = [
    ("new", 200, "evt_1", "a"),
    ("again", 200, "evt_1", "a"),
    ("new", 200, "evt_2", "b"),
    ("forged", 400, "evt_3", "c"),
]


def test_books_balance_when_every_new_event_is_stored_as_sent_and_nothing_else() -> None:
    books = compare(SENT, {"evt_1": "a", "evt_2": "b"})
    assert books.balanced
    assert books.new == 2


@pytest.mark.parametrize(
    ("stored", "wrong"),
    [
        ({"evt_1": "a"}, "lost"),
        ({"evt_1": "a", "evt_2": "x"}, "altered"),
        ({"evt_1": "a", "evt_2": "b", "evt_3": "c"}, "forged_stored"),
        ({"evt_1": "a", "evt_2": "b", "evt_9": "z"}, "unexpected"),
    ],
)
def test_whatever_is_wrong_with_the_table_is_told(stored: dict[str, str], wrong: str) -> None:
    books = compare(SENT, stored)
    assert getattr(books, wrong) == 1
    assert not books.balanced


@pytest.mark.parametrize(("kind", "status"), [("new", 503), ("again", 0), ("forged", 200), ("forged", 0)])
def test_an_answer_that_stripe_would_not_expect_is_told(kind: str, status: int) -> None:
    sent = [*SENT, (kind, status, "evt_1" if kind != "forged" else "evt_4", "a")]
    assert compare(sent, {"evt_1": "a", "evt_2": "b"}).unanswered == 1


@pytest.mark.parametrize(
    ("drained", "once"),
    [
        (Drained(1.0, 10, {"mails": 10, "different": 10, "repeated": 0}), 10),
        (Drained(1.0, 9, {"mails": 10, "different": 10, "repeated": 0}), 9),
        (Drained(1.0, 10, {"mails": 11, "different": 10, "repeated": 1}), 9),
        (Drained(1.0, 10, {"mails": 9, "different": 9, "repeated": 0}), 9),
    ],
)
def test_a_job_done_twice_or_not_at_all_is_not_done_once(drained: Drained, once: int) -> None:
    assert drained.exactly_once(10) == once


_PARENT = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, flush=True)
input()
"""


def test_cpu_time_includes_children_that_have_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = float(process.stdout.readline())
        whole = cpu_seconds([process.pid])
        process.communicate(b"\n")
    assert child > 0
    assert whole >= child - 2 * TICK  # the kernel counts in ticks


def test_a_process_that_is_gone_has_used_nothing() -> None:
    assert cpu_seconds([2**22 + 1]) == 0


def test_a_journey_lasts_as_long_as_its_stages_and_the_longest_is_named() -> None:
    journey = Journey(dict(zip(STAGES, (10.0, 20.0, 30.0, 40.0, 200.0), strict=True)))
    assert journey.total == 300.0
    assert slowest_stage(journey.stages) == f"most of the time, 200 of 300 ms in the median, is {STAGES[-1]}"
