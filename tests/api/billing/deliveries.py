"""Webhook deliveries as tests send them to billing, and how their refusal looks."""

from typing import Any

import httpx

from tests.api.billing.conftest import Billing
from tests.support.stripe_payloads import event


def an_event(**changes: Any) -> dict[str, Any]:
    return event("customer.created", {"id": "cus_1", "object": "customer"}, **changes)


async def post(billing: Billing, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await billing.client.post("/webhooks/stripe", content=body, headers=headers)


def assert_problem(answer: httpx.Response, status: int, slug: str) -> None:
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (status, slug)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
