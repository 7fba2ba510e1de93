"""How the sandbox answers requests as Stripe does: refusals in its shape, lists in pages, metadata and lookup keys."""

import typing
from typing import Any

import pytest
import stripe

from tests.support.stripe_sandbox import RunningSandbox, running_sandbox, subscription_session


@pytest.fixture(scope="module")
async def sandbox() -> typing.AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


ERRORS: list[tuple[str, str, dict[str, str], int, str | None, str | None]] = [
    ("GET", "/v1/nothing", {}, 404, None, None),
    ("PUT", "/v1/customers", {}, 404, None, None),
    ("GET", "/v1/customers/cus_missing", {}, 404, "resource_missing", "id"),
    ("POST", "/v1/customers", {"colour": "red"}, 400, "parameter_unknown", "colour"),
    ("POST", "/v1/customers", {"address[planet]": "Mars"}, 400, "parameter_unknown", "address[planet]"),
    ("POST", "/v1/customers", {"email": "nobody"}, 400, "email_invalid", "email"),
    ("POST", "/v1/products", {}, 400, "parameter_missing", "name"),
    ("POST", "/v1/products", {"name": ""}, 400, "parameter_invalid_empty", "name"),
    ("POST", "/v1/prices", {"currency": "eur", "unit_amount": "1.5"}, 400, "parameter_invalid_integer", "unit_amount"),
    ("POST", "/v1/prices", {"currency": "eur", "unit_amount": "-1"}, 400, "parameter_invalid_integer", "unit_amount"),
    ("POST", "/v1/prices", {"currency": "xxx"}, 400, None, "currency"),
    ("POST", "/v1/prices", {"currency": "eur", "unit_amount": "1", "product": "p"}, 400, "resource_missing", "product"),
    ("POST", "/v1/checkout/sessions", {"mode": "lottery"}, 400, None, "mode"),
    ("POST", "/v1/checkout/sessions", {"mode": "payment"}, 400, "parameter_missing", "success_url"),
    ("POST", "/v1/refunds", {"amount": "1"}, 400, "parameter_missing", "charge"),
    ("GET", "/v1/events", {"limit": "1000"}, 400, "parameter_invalid_integer", "limit"),
    ("GET", "/v1/events", {"starting_after": "evt_x"}, 400, "resource_missing", "starting_after"),
    ("GET", "/v1/customers", {"a[": "1"}, 400, None, "a["),
]


@pytest.mark.parametrize(("method", "path", "params", "status", "code", "param"), ERRORS)
async def test_a_bad_request_is_refused_in_stripes_shape(
    sandbox: RunningSandbox,
    method: str,
    path: str,
    params: dict[str, str],
    status: int,
    code: str | None,
    param: str | None,
) -> None:
    query, data = (params, None) if method == "GET" else (None, params)
    answer = await sandbox.control.request(method, path, params=query, data=data)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert (error["type"], error.get("code"), error.get("param")) == ("invalid_request_error", code, param)
    assert set(error) <= set(stripe.ErrorObject.__annotations__)
    assert answer.headers["request-id"].startswith("req_")


async def test_a_wrong_or_missing_key_is_refused_with_401(sandbox: RunningSandbox) -> None:
    for headers in ({}, {"Authorization": "Bearer sk_test_other"}, {"Authorization": "Basic !!!"}):
        answer = await sandbox.browser.get("/v1/customers", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "invalid_request_error"
    basic = await sandbox.browser.get("/v1/customers", auth=("sk_test_sandbox_tests", ""))
    assert basic.status_code == 200


async def test_another_api_version_is_refused(sandbox: RunningSandbox) -> None:
    answer = await sandbox.control.get("/v1/customers", headers={"Stripe-Version": "2020-08-27"})
    assert answer.status_code == 400


async def test_a_huge_body_is_refused(sandbox: RunningSandbox) -> None:
    answer = await sandbox.control.post("/v1/customers", content=b"name=" + b"x" * 1_100_000)
    assert answer.status_code == 413


async def test_lists_page_in_both_directions(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    email = "pages@example.com"
    made = [(await v1.customers.create_async({"email": email})).id for _ in range(5)]
    newest_first = made[::-1]
    first = await v1.customers.list_async({"email": email, "limit": 2})
    assert ([entry.id for entry in first.data], first.has_more) == (newest_first[:2], True)
    walked = [entry.id async for entry in first.auto_paging_iter()]
    assert walked == newest_first
    above = await v1.customers.list_async({"email": email, "limit": 2, "ending_before": newest_first[4]})
    assert ([entry.id for entry in above.data], above.has_more) == (newest_first[2:4], True)
    top = await v1.customers.list_async({"email": email, "limit": 9, "ending_before": newest_first[1]})
    assert ([entry.id for entry in top.data], top.has_more) == (newest_first[:1], False)


async def test_events_are_listed_by_type_time_and_wildcard(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id)
    v1 = sandbox.stripe.v1
    paid = await v1.events.list_async({"type": "invoice.paid", "limit": 100})
    assert {event.type for event in paid.data} == {"invoice.paid"}
    some = await v1.events.list_async({"type": "invoice.*", "limit": 100})
    assert {event.type for event in some.data} >= {"invoice.created", "invoice.finalized", "invoice.paid"}
    assert all(event.type.startswith("invoice.") for event in some.data)
    newest = paid.data[0]
    assert (await v1.events.list_async({"created": {"gt": newest.created + 3600}})).data == []
    assert (await v1.events.retrieve_async(newest.id)).data.object["id"] == newest.data.object["id"]


async def test_a_path_that_cannot_be_expanded_is_refused(sandbox: RunningSandbox) -> None:
    customer = await sandbox.stripe.v1.customers.create_async({"email": "x@example.com"})
    for path in ("email", "nothing"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            await sandbox.stripe.v1.customers.retrieve_async(customer.id, {"expand": [path]})


async def test_metadata_merges_and_clears(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    customer = await v1.customers.create_async({"metadata": {"a": "1", "b": "2"}})
    updated = await v1.customers.update_async(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert updated.metadata is not None
    assert updated.metadata.to_dict() == {"b": "2", "c": "3"}
    cleared = await v1.customers.update_async(customer.id, {"metadata": ""})
    assert cleared.metadata is not None
    assert cleared.metadata.to_dict() == {}


async def test_a_lookup_key_belongs_to_one_price(sandbox: RunningSandbox) -> None:
    v1 = sandbox.stripe.v1
    product = await v1.products.create_async({"name": "VPS L"})
    base: Any = {"product": product.id, "currency": "eur", "unit_amount": 2400, "lookup_key": "vps-l"}
    first = await v1.prices.create_async(base)
    with pytest.raises(stripe.InvalidRequestError, match="lookup key"):
        await v1.prices.create_async(base)
    taking: Any = {**base, "transfer_lookup_key": True}
    second = await v1.prices.create_async(taking)
    found = await v1.prices.list_async({"lookup_keys": ["vps-l"]})
    assert [price.id for price in found.data] == [second.id]
    assert (await v1.prices.retrieve_async(first.id)).lookup_key is None
    assert {price.id for price in (await v1.prices.list_async({"product": product.id})).data} == {first.id, second.id}
