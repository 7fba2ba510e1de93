"""What anybody may read: the catalogue, and what an order would cost."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.catalog.api.schemas import Currency, OrderBody
from services.catalog.product_types import ProductTypes
from services.catalog.queries.plans import published_plan, published_plans
from services.catalog.queries.quotes import quote
from shared.contracts.reads.catalog import PlanList, PlanView, QuoteView
from shared.database import Database
from shared.kernel import Principal
from shared.web.access import principal_of, public_router

_CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=300"


def _anybody(request: Request) -> Principal | None:
    """The caller, when they say who they are. Raises Unauthenticated for a token that is not valid."""
    return principal_of(request) if "authorization" in request.headers else None


def public_routes(database: Database, types: ProductTypes) -> APIRouter:
    """Plans and prices. Caches may keep them for a minute: an order is always priced from the catalogue itself."""
    router = public_router()

    @router.get("/plans", response_model=PlanList)
    async def list_plans(
        request: Request,
        currency: Currency | None = None,
        product_type: Annotated[str | None, Query(alias="type", pattern=r"^[a-z][a-z0-9_]{0,39}$")] = None,
    ) -> Response:
        """Every plan on sale; with `currency` only those sold in it."""
        async with database.read() as session:
            return _cacheable(request, await published_plans(session, types, currency, product_type))

    @router.get("/plans/{code}", response_model=PlanView)
    async def get_plan(request: Request, code: Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]) -> Response:
        """One plan on sale."""
        async with database.read() as session:
            return _cacheable(request, await published_plan(session, types, code))

    @router.post("/quotes")
    async def get_quote(body: OrderBody, caller: Annotated[Principal | None, Depends(_anybody)]) -> QuoteView:
        """What an order would cost: checked and priced as the order itself would be. Nothing is kept.

        `warnings` hinder nothing. Whoever sends a token is also told of names their account has already.
        """
        async with database.read() as session:
            return await quote(session, types, caller, body.currency, body.wanted())

    return router


def _cacheable(request: Request, view: BaseModel) -> Response:
    """The answer with a validator, or 304 when the client has it already (RFC 9110, section 13.1.2)."""
    body = view.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"Cache-Control": _CACHE_CONTROL, "ETag": tag}
    known = {candidate.strip().removeprefix("W/") for candidate in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
