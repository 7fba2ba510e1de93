"""Where a payment stands in an order's story."""

from datetime import UTC, datetime, timedelta

from services.catalog.queries.timeline import _as_it_happened, _Line

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)


def _line(number: int, verb: str, after: float, **detail: str) -> _Line:
    return _Line(0, number, verb, NOON + timedelta(seconds=after), None, detail, None)


def _story(paid_after: float, heard_after: float) -> list[str]:
    paid_at = (NOON + timedelta(seconds=paid_after)).isoformat()
    lines = [
        _line(1, "begin", 0.4),
        _line(2, "checkout_opened", 0.6),
        _line(3, "pay", heard_after, paid_at=paid_at),
        _line(4, "fulfill", 9),
    ]
    return [line.verb for line in sorted(_as_it_happened(lines), key=lambda line: (line.at, line.id))]


def test_a_payment_of_whole_seconds_does_not_stand_before_its_order() -> None:
    assert _story(paid_after=0, heard_after=2) == ["begin", "checkout_opened", "pay", "fulfill"]


def test_a_payment_heard_of_late_stands_where_it_was_made() -> None:
    assert _story(paid_after=5, heard_after=30) == ["begin", "checkout_opened", "pay", "fulfill"]


def test_a_payment_dated_after_we_heard_of_it_stands_where_we_heard() -> None:
    assert _story(paid_after=60, heard_after=2) == ["begin", "checkout_opened", "pay", "fulfill"]
