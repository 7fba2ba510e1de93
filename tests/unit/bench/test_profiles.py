"""Samples of a profile are given to whose code ran."""

from bench.profiles import shares, told

_TOP = "run (/usr/lib/python3.11/asyncio/runners.py:118)"
_LIB = "/env/lib/python3.11/site-packages"


def test_a_sample_belongs_to_the_innermost_known_code_and_the_standard_library_to_its_caller() -> None:
    lines = [
        f"{_TOP};serve ({_LIB}/uvicorn/server.py:1);verify (/repo/services/billing/api/webhooks.py:2) 2",
        f"{_TOP};change (/repo/services/a.py:1);execute ({_LIB}/sqlalchemy/b.py:9);f (/usr/lib/python3.11/re.py:1) 5",
        f"{_TOP};info ({_LIB}/structlog/_native.py:3) 2",
        f"{_TOP} 1",
    ]
    found = shares(lines)
    assert found == {
        "SQLAlchemy": 0.5,
        "services/": 0.2,
        "logs, metrics, traces": 0.2,
        "event loop and sockets": 0.1,
    }
    assert told(found, "the API").startswith("CPU time of the API: SQLAlchemy 50 %")


def test_starting_up_is_not_counted_and_no_profile_says_nothing() -> None:
    assert (
        shares([f"<module> (/repo/ez/cli.py:1);_load (<frozen importlib._bootstrap>:9);x ({_LIB}/sqlalchemy/a.py:1) 9"])
        == {}
    )
    assert told({}, "the API") == ""
