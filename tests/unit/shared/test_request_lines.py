"""A request's line carries its trace and its order, and one order's lines have one trace in every process."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.contracts.billing import CheckoutPaid
from shared.kernel import decode_id
from shared.telemetry.logs import configure_logging
from shared.telemetry.order_trace import order_in, trace_of, trace_of_fact
from shared.telemetry.tracing import current_trace_id, span
from shared.web.context import RequestContext

ORDER = "ord_01h455vb4pex5vsknk084sn02q"  # a fixed one: test cases must be called the same on every run
OF_THE_ORDER = decode_id("ord", ORDER).hex
STRANGE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What is logged, one JSON object per line."""
    kept, out = structlog.get_config(), StringIO()
    configure_logging("INFO", file=out)
    monkeypatch.setattr("shared.web.context.log", structlog.get_logger())
    yield out
    structlog.configure(**kept)


async def _seen(_request: Request) -> Response:
    return JSONResponse({"trace": current_trace_id()})


async def _broken(_request: Request) -> Response:
    raise LookupError


async def ask(path: str, **headers: str) -> Any:
    routes = [Route("/orders/{order_id}", _seen), Route("/plans", _seen), Route("/broken", _broken)]
    app = RequestContext(Starlette(routes=routes), service="catalog")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://catalog") as client:
        return await client.get(path, headers=headers)


def line(lines: StringIO) -> dict[str, Any]:
    return dict(json.loads(lines.getvalue().splitlines()[-1]))


async def test_the_line_of_a_request_carries_the_trace_it_came_with(lines: StringIO) -> None:
    await ask("/plans", traceparent=STRANGE)
    assert line(lines)["trace_id"] == "a" * 32
    assert line(lines)["route"] == "/plans"


@pytest.mark.parametrize("path", ["/plans", "/broken", "/nowhere"])
async def test_every_line_of_a_request_has_a_trace_whatever_became_of_it(lines: StringIO, path: str) -> None:
    await ask(path)
    assert len(line(lines)["trace_id"]) == 32


async def test_a_request_about_an_order_is_in_the_orders_trace(lines: StringIO) -> None:
    answer = await ask(f"/orders/{ORDER}", traceparent=STRANGE)
    assert answer.json()["trace"] == OF_THE_ORDER
    assert (line(lines)["trace_id"], line(lines)["order_id"]) == (OF_THE_ORDER, ORDER)


def test_a_fact_about_an_order_leaves_in_the_orders_trace_from_wherever_it_is_told() -> None:
    fact = CheckoutPaid.model_construct(order_id=ORDER)
    with span("an event of Stripe's", STRANGE):
        assert (trace_of_fact(fact) or "")[3:35] == OF_THE_ORDER
        assert (trace_of_fact(object()) or "")[3:35] == "a" * 32


def test_within_its_trace_a_fact_continues_the_span() -> None:
    with span("job", trace_of(ORDER)) as current:
        assert (trace_of_fact(CheckoutPaid.model_construct(order_id=ORDER)) or "").split("-")[2] == (
            f"{current.get_span_context().span_id:016x}"
        )


@pytest.mark.parametrize(
    ("path", "order"),
    [
        (f"/api/v1/orders/{ORDER}/checkout", ORDER),
        (f"/orders/{ORDER}", ORDER),
        (f"/orders/{ORDER}x", None),
        ("/orders/ord_", None),
        ("/services/svc_01h455vb4pex5vsknk084sn02q", None),
    ],
)
def test_an_order_is_recognised_in_a_path(path: str, order: str | None) -> None:
    assert order_in(path) == order
