"""Dates that recur: no occurrence is lost, none comes twice, and the anchor's day returns whenever a month has it."""

from calendar import isleap, monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.calendar import Unit, add_months, occurrence, recurrence

ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland")
dates = st.dates(date(1990, 1, 1), date(2090, 12, 31))
counts = st.integers(-600, 600)
units: st.SearchStrategy[Unit] = st.sampled_from(["day", "week", "month", "year"])
moments = st.integers(0, 100 * 365 * 86_400).map(lambda second: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(0, second))


@given(dates, counts)
def test_a_month_later_is_the_same_day_or_the_last_one_of_a_shorter_month(anchor: date, months: int) -> None:
    there = add_months(anchor, months)
    assert (there.year * 12 + there.month) - (anchor.year * 12 + anchor.month) == months
    assert there.day == min(anchor.day, monthrange(there.year, there.month)[1])


@given(dates, units, counts)
def test_occurrences_follow_each_other(anchor: date, unit: Unit, count: int) -> None:
    assert recurrence(anchor, unit, count) < recurrence(anchor, unit, count + 1)
    assert recurrence(anchor, unit, 0) == anchor


@given(dates, st.integers(-50, 50))
def test_a_year_is_twelve_months_and_a_leap_day_comes_back_in_leap_years(anchor: date, years: int) -> None:
    there = recurrence(anchor, "year", years)
    assert there == recurrence(anchor, "month", 12 * years)
    if (anchor.month, anchor.day) == (2, 29):
        assert there.day == (29 if isleap(there.year) else 28)


@given(moments, units, st.integers(-100, 100), st.sampled_from(ZONES))
def test_the_time_of_day_is_kept_on_the_clocks_of_the_zone(anchor: datetime, unit: Unit, count: int, name: str) -> None:
    zone = ZoneInfo(name)
    there = occurrence(anchor, unit, count, zone)
    local, wanted = there.astimezone(zone), anchor.astimezone(zone)
    day = recurrence(wanted.date(), unit, count)
    skipped = local.replace(tzinfo=None) - datetime.combine(day, wanted.time())
    assert timedelta(0) <= skipped <= timedelta(hours=1)
    if skipped:  # only a time that the clocks never showed may come out later
        exists = datetime.combine(day, wanted.time(), zone)
        assert exists.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != exists.replace(tzinfo=None)


@given(moments, st.sampled_from(ZONES))
def test_the_anchor_is_its_own_first_occurrence(anchor: datetime, name: str) -> None:
    assert occurrence(anchor, "month", 0, ZoneInfo(name)) == anchor


@pytest.mark.parametrize(
    ("anchor", "unit", "count", "there"),
    [
        (date(2024, 1, 31), "month", 1, date(2024, 2, 29)),
        (date(2023, 1, 31), "month", 1, date(2023, 2, 28)),
        (date(2024, 1, 31), "month", 2, date(2024, 3, 31)),
        (date(2024, 2, 29), "year", 1, date(2025, 2, 28)),
        (date(2024, 2, 29), "year", 4, date(2028, 2, 29)),
        (date(2024, 12, 31), "day", 1, date(2025, 1, 1)),
    ],
)
def test_some_dates_everybody_knows(anchor: date, unit: Unit, count: int, there: date) -> None:
    assert recurrence(anchor, unit, count) == there


def test_nine_o_clock_stays_nine_o_clock_when_summer_time_begins() -> None:
    vienna = ZoneInfo("Europe/Vienna")
    saturday = datetime(2024, 3, 30, 9, tzinfo=vienna)
    sunday = occurrence(saturday, "day", 1, vienna)
    assert sunday - saturday.astimezone(UTC) == timedelta(hours=23)
    assert sunday.astimezone(vienna).hour == 9


def test_a_time_that_is_skipped_comes_later_and_one_that_comes_twice_comes_first() -> None:
    vienna = ZoneInfo("Europe/Vienna")
    skipped = occurrence(datetime(2024, 3, 30, 2, 30, tzinfo=vienna), "day", 1, vienna)
    assert skipped.astimezone(vienna).isoformat() == "2024-03-31T03:30:00+02:00"
    twice = occurrence(datetime(2024, 10, 26, 2, 30, tzinfo=vienna), "day", 1, vienna)
    assert twice == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)


def test_a_naive_anchor_and_a_year_that_does_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        occurrence(datetime(2024, 1, 1), "day", 1)  # noqa: DTZ001 - on purpose
    with pytest.raises(OverflowError):
        add_months(date(9999, 12, 1), 1)
