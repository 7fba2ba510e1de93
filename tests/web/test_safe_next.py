"""Signing in never leads anywhere but to a page of ours."""

from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.safe_next import safe_next, with_next
from tests.web.conftest import SignIn, form_on
from tests.web.fake_data import PASSWORD

REFUSED = [
    None, "", "orders", "//evil.test", "///evil.test", "/\\evil.test", "\\\\evil.test", "/\t/evil.test",
    "/\n/evil.test", "https://evil.test", "javascript:alert(1)", "http:evil.test", "/%2fevil.test", "/%2Fevil.test",
    "/%5cevil.test", "/%252fevil.test", "/%25252525252fevil.test", "/orders//evil.test", "/ok\r\nLocation: x",
    "/\x00", "/ /evil.test", " /orders", "/%09/evil.test", "/orders/../../evil", "/sign-in?next=/x", "/sign-out",
    "/api/v1/orders", "/" + "a" * 8000,
]  # fmt: skip


@pytest.mark.parametrize("raw", REFUSED)
def test_a_destination_elsewhere_is_refused(raw: str | None) -> None:
    assert safe_next(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "/", "/orders", "/buy/postcard?c_message=two%0Alines&c_name=a%5Cb",
        f"/buy/vps-s?c_ssh_keys=ssh-rsa+{'A' * 1400}", "/buy/vps-s?interval=year&hostname=web-1.example.com",
        "/tickets/new?subject=About%20order%201",
    ],
)  # fmt: skip
def test_our_own_pages_are_kept(raw: str) -> None:
    assert safe_next(raw) == raw


@given(st.text(alphabet=st.sampled_from("/\\.:@%25fFcC?#\t\n evil"), max_size=24))
def test_whatever_is_let_through_stays_on_this_site(raw: str) -> None:
    kept = safe_next("/" + raw)
    if kept is not None:
        # As a browser reads it: backslashes are slashes, tabs and newlines vanish.
        as_read = kept.replace("\\", "/").replace("\t", "").replace("\n", "")
        assert urlsplit(urljoin("https://shop.test/sign-in", as_read)).netloc == "shop.test"


def test_the_way_back_survives_being_put_in_a_link() -> None:
    assert with_next("/sign-in", "/buy/x?a=1&b=2") == "/sign-in?next=/buy/x%3Fa%3D1%26b%3D2"
    assert with_next("/sign-in", "//evil.test") == "/sign-in"


@pytest.mark.parametrize("raw", ["//evil.test", "/\\evil.test", "https://evil.test", "/%2f%2fevil.test"])
@pytest.mark.parametrize("where", ["field", "query"])
async def test_signing_in_ignores_a_foreign_destination(raw: str, where: str, visit_as: SignIn) -> None:
    client = await visit_as("")
    query = f"?next={quote(raw)}" if where == "query" else ""
    form = form_on(await client.get(f"/sign-in{query}"), "/sign-in")
    form |= {"email": "ada@example.com", "password": PASSWORD} | ({"next": raw} if where == "field" else {})
    answer = await client.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")


async def test_signing_in_leads_back_to_the_page_that_asked(visit_as: SignIn) -> None:
    client = await visit_as("")
    asked = await client.get("/tickets/new?subject=Hi")
    assert asked.headers["location"] == "/sign-in?next=/tickets/new%3Fsubject%3DHi"
    form = form_on(await client.get(asked.headers["location"]), "/sign-in")
    answer = await client.post("/sign-in", data=form | {"email": "ada@example.com", "password": PASSWORD})
    assert answer.headers["location"] == "/tickets/new?subject=Hi"
