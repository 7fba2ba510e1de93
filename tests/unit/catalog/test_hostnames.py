"""Which names a machine may have (RFC 1123, section 2.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.product_types.hostnames import checked_hostname, numbered, suggested

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    "name",
    ["web", "web-1", "3com.example", "a.b.c.d.example.com", "xn--bcher-kva.example", "A" * 63, "x1", "1x"],
)
def test_a_host_name_is_accepted_and_lowered(name: str) -> None:
    assert checked_hostname(name) == name.lower()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "web.",
        ".web",
        "a..b",
        "-web",
        "web-",
        "we_b",
        "we b",
        "web\n",
        "web\x00",
        "bücher.example",
        "ＷＥＢ",
        "a" * 64,
        ".".join(["a" * 60] * 5),
        "10.0.0.1",
        "web.1",
        "$(reboot)",
        "web;ls",
        "web'--",
        "{{7*7}}",
        "*.example.com",
    ],
)
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"host name|digits"):
        checked_hostname(name)


@given(labels=st.lists(LABEL, min_size=1, max_size=4), quantity=st.integers(2, 10))
def test_the_names_of_several_units_are_different_host_names(labels: list[str], quantity: int) -> None:
    name = ".".join([*labels, "example"])
    names = [numbered(name, ordinal, quantity) for ordinal in range(1, quantity + 1)]
    assert len(set(names)) == quantity
    assert [checked_hostname(one) for one in names] == names


def test_a_single_unit_keeps_the_name() -> None:
    assert numbered("web.example.com", 1, 1) == "web.example.com"
    assert numbered("web.example.com", 2, 3) == "web-2.example.com"


def test_a_suggested_name_says_what_it_is_and_is_a_host_name() -> None:
    names = {suggested("vps") for _ in range(50)}
    assert len(names) > 45
    assert all(checked_hostname(name) == name and name.startswith("vps-") and len(name) == 10 for name in names)
