"""The catalogue as everybody sees it, and as staff see it."""

from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from services.catalog.domain import Plan, Price, Product
from shared.contracts.reads.common import Moment, Page
from shared.kernel import NotFound
from shared.web.pagination import PageRequest, page_of


class PriceView(BaseModel):
    """What a plan costs per interval, in minor units; the set-up fee is charged once per unit."""

    id: str
    currency: str
    interval: str
    amount_minor: int
    setup_fee_minor: int


class TemplateView(BaseModel):
    """An operating system a VPS can be installed with."""

    id: str
    name: str


class PlanView(BaseModel):
    """A plan as it is sold. An `announced` plan can be seen and not ordered yet."""

    id: str
    code: str
    name: str
    tagline: str
    description: str
    product_type: str
    availability: str
    features: list[str]
    spec: dict[str, Any]
    templates: list[TemplateView]
    prices: list[PriceView]


class PlanList(BaseModel):
    """Every plan on sale, in the order it is presented."""

    data: list[PlanView]


class StaffPriceView(PriceView):
    """A price with what Stripe knows of it; `synced` says whether it can be paid."""

    stripe_price_id: str | None
    synced: bool


class StaffPlanView(BaseModel):
    """A plan in the console, with its state and its present prices."""

    id: str
    code: str
    name: str
    product_type: str
    status: str
    availability: str
    version: int
    created_at: Moment
    prices: list[StaffPriceView]


async def published_plans(session: AsyncSession, currency: str | None, product_type: str | None) -> PlanList:
    """The plans on sale; with `currency` only those sold in it, and only those prices."""
    statement = _published().order_by(Plan.position, Plan.code)
    if product_type is not None:
        statement = statement.join(Plan.product).where(Product.product_type == product_type)
    if currency is not None:
        statement = statement.where(Plan.prices.any((Price.currency == currency) & Price.superseded_at.is_(None)))
    plans = (await session.execute(statement)).scalars()
    return PlanList(data=[_plan_view(plan, currency) for plan in plans])


async def published_plan(session: AsyncSession, code: str) -> PlanView:
    """One plan on sale. Raises NotFound: what is not published does not exist for the public."""
    plan = (await session.execute(_published().where(Plan.code == code))).scalar_one_or_none()
    if plan is None:
        raise NotFound("There is no plan with this code.")
    return _plan_view(plan, None)


async def all_plans(session: AsyncSession, request: PageRequest) -> Page[StaffPlanView]:
    """Every plan in every state, for staff."""
    statement = select(Plan).options(*_WITH_PRICES)
    return await page_of(session, statement, Plan.id, request, staff_plan_view)


def staff_plan_view(plan: Plan) -> StaffPlanView:
    """The plan as the console shows it."""
    return StaffPlanView(
        id=plan.id,
        code=plan.code,
        name=plan.name,
        product_type=plan.product.product_type,
        status=plan.status,
        availability=plan.availability,
        version=plan.version,
        created_at=plan.created_at,
        prices=[
            StaffPriceView(
                **_price_view(price).model_dump(), stripe_price_id=price.stripe_price_id, synced=price.is_synced
            )
            for price in plan.current_prices
        ],
    )


_WITH_PRICES = (
    selectinload(Plan.product),
    selectinload(Plan.prices.and_(Price.superseded_at.is_(None))),
)


def _published() -> Select[Plan]:
    return select(Plan).where(Plan.is_published()).options(*_WITH_PRICES)


def _plan_view(plan: Plan, currency: str | None) -> PlanView:
    return PlanView(
        id=plan.id,
        code=plan.code,
        name=plan.name,
        tagline=plan.tagline,
        description=plan.description,
        product_type=plan.product.product_type,
        availability=plan.availability,
        features=plan.features,
        spec=plan.spec,
        templates=[TemplateView(**template) for template in plan.templates],
        prices=[_price_view(price) for price in plan.current_prices if currency in (None, price.currency)],
    )


def _price_view(price: Price) -> PriceView:
    return PriceView(
        id=price.id,
        currency=price.currency,
        interval=price.interval,
        amount_minor=price.amount_minor,
        setup_fee_minor=price.setup_fee_minor,
    )
