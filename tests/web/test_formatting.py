"""What people read about money, sizes and time."""

from typing import Any

import pytest

from gateway.web.browsers import browser
from gateway.web.formatting import money, parse_time, price_for, size_mb, wait_words, yearly_saving


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1200, "EUR", "€12.00"),
        (5, "EUR", "€0.05"),
        (0, "USD", "$0.00"),
        (123456789, "USD", "$1,234,567.89"),
        (-1200, "EUR", "-€12.00"),
        (1200, "JPY", "¥1,200"),
        (1200, "KWD", "KWD\u00a01.200"),
        (7, "BHD", "BHD\u00a00.007"),
        (1200, "chf", "CHF\u00a012.00"),
        (9007199254740993, "EUR", "€90,071,992,547,409.93"),
    ],
)
def test_money_follows_its_currency(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text
    assert money({"amount_minor": amount, "currency": currency}) == text


def _plan(month: int | None, year: int | None) -> dict[str, Any]:
    given = {"month": month, "year": year}
    return {
        "prices": [
            {"currency": "EUR", "interval": interval, "amount_minor": amount}
            for interval, amount in given.items()
            if amount is not None
        ]
    }


@pytest.mark.parametrize(
    ("month", "year", "saving"),
    [
        (900, 9000, {"months": 2}),
        (900, 9900, {"months": 1}),
        (1800, 18900, {"percent": 12}),
        (900, 10800, None),
        (900, 12000, None),
        (10000, 119900, None),
        (None, 9000, None),
        (900, None, None),
        (0, 0, None),
    ],
)
def test_a_saving_is_computed_and_never_rounded_up(month: int | None, year: int | None, saving: object) -> None:
    assert yearly_saving(_plan(month, year), "EUR") == saving


def test_a_price_that_is_not_offered_is_none() -> None:
    assert price_for(_plan(900, None), "EUR", "year") is None
    assert price_for(_plan(900, None), "USD", "month") is None


@pytest.mark.parametrize(("size", "text"), [(512, "512\u00a0MB"), (2048, "2\u00a0GB"), (1536, "1.5\u00a0GB")])
def test_memory_is_counted_in_binary_steps(size: int, text: str) -> None:
    assert size_mb(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (61, "2 minutes"), (3601, "2 hours")],
)
def test_a_wait_is_rounded_up(seconds: int, text: str) -> None:
    assert wait_words(seconds) == text


def test_times_are_read_in_any_precision() -> None:
    assert parse_time("2026-11-22T12:00:00Z") == parse_time("2026-11-22T13:00:00.000000+01:00")


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
         "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0 Safari/537.36 Edg/150.0",
         "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Safari/604.1",
         "Safari on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on macOS"),
        ("curl/8.5.0", "curl/8.5.0"),
        ("x" * 300, "x" * 59 + "…"),
        (None, "Unknown browser"),
    ],
)  # fmt: skip
def test_a_browser_is_named_as_its_user_knows_it(agent: str | None, name: str) -> None:
    assert browser(agent) == name
