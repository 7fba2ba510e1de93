"""The watch over promises: it reads and never writes, is bounded in time and number, and tells each id once."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from shared.kernel import new_id
from shared.kernel.ids import uuid7
from shared.web import invariants
from shared.web.invariants import Invariant, Probe, PromiseWatch, checked_at, floor_id, violations
from tests.support.plumbing import Schema, schema

__all__ = ["schema"]


def _watch(schema: Schema, *wanted: Invariant | Probe) -> PromiseWatch:
    statements = [one for one in wanted if isinstance(one, Invariant)]
    return PromiseWatch("test", schema.database, statements, [one for one in wanted if isinstance(one, Probe)])


def _gauge(name: str, promise: str = "I1") -> float:
    return float(violations.labels("test", promise, name)._value.get())


async def _told(watch: PromiseWatch) -> list[dict[str, object]]:
    with capture_logs() as lines:
        await watch.look()
    return [dict(line) for line in lines]


async def test_an_id_is_told_once_at_error_level_and_again_after_it_was_well(schema: Schema) -> None:
    broken = ["svc_one", "svc_two"]

    async def find() -> Sequence[str]:
        return list(broken)

    watch = _watch(schema, Probe("I1", "told_once", find))
    first = await _told(watch)
    assert [(line["event"], line["log_level"], line["ids"]) for line in first] == [
        ("promise_broken", "error", ["svc_one", "svc_two"])
    ]
    assert await _told(watch) == []
    broken.append("svc_three")
    assert [line["ids"] for line in await _told(watch)] == [["svc_three"]]
    assert _gauge("told_once") == 3
    broken.clear()
    assert await _told(watch) == []
    assert _gauge("told_once") == 0
    broken.append("svc_one")
    assert [line["ids"] for line in await _told(watch)] == [["svc_one"]]


async def test_a_statement_cannot_write(schema: Schema) -> None:
    writing = Invariant("I1", "writes", "SELECT nextval(pg_get_serial_sequence('ticket_history', 'id'))::text")
    (line,) = await _told(_watch(schema, writing))
    assert line["event"] == "promise_not_checked"
    assert "read-only transaction" in str(line["error"])


async def test_a_statement_that_takes_too_long_is_cut_off_and_hinders_no_other(
    schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "_TIMEOUT_MS", 50)
    slow = Invariant("I1", "slow", "SELECT pg_sleep(30)::text")
    quick = Invariant("I1", "quick", "SELECT 'ord_x'")
    lines = await _told(_watch(schema, slow, quick))
    assert [line["event"] for line in lines] == ["promise_not_checked", "promise_broken"]
    assert "statement timeout" in str(lines[0]["error"])
    assert _gauge("quick") == 1


async def test_a_look_that_failed_keeps_the_time_of_the_last_one_that_did_not(schema: Schema) -> None:
    statements = ["SELECT 'ord_x' WHERE false"]

    async def find() -> Sequence[str] | None:
        if statements:
            statements.pop()
            return []
        raise OSError("away")

    watch = _watch(schema, Probe("I5", "sometimes", find))
    await watch.look()
    last = checked_at.labels("test", "I5", "sometimes")._value.get()
    assert last == pytest.approx(datetime.now(UTC).timestamp(), abs=60)
    await watch.look()
    assert checked_at.labels("test", "I5", "sometimes")._value.get() == last


async def test_who_could_not_look_changes_nothing(schema: Schema) -> None:
    answers: list[list[str] | None] = [None, ["evt_1"]]

    async def find() -> Sequence[str] | None:
        return answers.pop()

    watch = _watch(schema, Probe("I5", "away", find))
    await watch.look()
    await watch.look()
    assert _gauge("away", "I5") == 1


async def test_no_more_than_a_hundred_ids_are_fetched(schema: Schema) -> None:
    many = Invariant("I1", "many", "SELECT number::text FROM generate_series(1, 100000) AS numbers (number)")
    (line,) = await _told(_watch(schema, many))
    assert len(list(line["ids"])) == 100  # type: ignore[call-overload]  # a list, as told
    assert _gauge("many") == 100


async def test_ids_are_told_as_people_know_them_and_bounded_by_when_they_were_made(schema: Schema) -> None:
    now = datetime.now(UTC)
    ages = {days: uuid7(int((now - timedelta(days=days)).timestamp() * 1000)) for days in (0, 1, 40)}
    listed = ", ".join(f"('{made}'::uuid)" for made in ages.values())
    found = Invariant(
        "I1",
        "bounded",
        f"SELECT id FROM (VALUES {listed}) AS made (id) WHERE id BETWEEN :since AND :until",
        prefix="ord",
    )
    (line,) = await _told(_watch(schema, found))
    (told,) = list(line["ids"])  # type: ignore[call-overload]  # a list, as told
    assert str(told).startswith("ord_")
    assert len(str(told)) == len(new_id("ord"))


def test_the_floor_of_a_moment_is_below_every_id_made_then() -> None:
    at = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    milliseconds = int(at.timestamp() * 1000)
    assert uuid7(milliseconds - 1) < floor_id(at) < uuid7(milliseconds)
