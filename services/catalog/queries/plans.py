"""The catalogue as everybody sees it, and as staff see it."""

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from services.catalog.domain import Plan, PlanGroup, Price
from services.catalog.product_types import ProductTypes
from services.catalog.product_types.base import ProductType
from shared.contracts.reads.catalog import (
    GroupView,
    PlanList,
    PlanView,
    PriceView,
    StaffPlanView,
    StaffPriceView,
)
from shared.contracts.reads.common import Page
from shared.kernel import NotFound
from shared.web.pagination import PageRequest, page_of

_WITH_PRICES = (
    selectinload(Plan.group),
    selectinload(Plan.prices.and_(Price.superseded_at.is_(None))),
)


async def published_plans(
    session: AsyncSession, types: ProductTypes, currency: str | None, product_type: str | None
) -> PlanList:
    """The plans on sale; with `currency` only those sold in it, and only those prices."""
    statement = _on_sale(types).join(Plan.group).order_by(PlanGroup.position, Plan.position, Plan.code)
    if product_type is not None:
        statement = statement.where(Plan.product_type == product_type)
    if currency is not None:
        statement = statement.where(Plan.prices.any((Price.currency == currency) & Price.superseded_at.is_(None)))
    plans = (await session.execute(statement)).scalars()
    return PlanList(data=[_plan_view(plan, types[plan.product_type], currency) for plan in plans])


async def published_plan(session: AsyncSession, types: ProductTypes, code: str) -> PlanView:
    """One plan on sale. Raises NotFound: what is not on sale does not exist for the public."""
    plan = (await session.execute(_on_sale(types).where(Plan.code == code))).scalar_one_or_none()
    if plan is None:
        raise NotFound("There is no plan with this code.")
    return _plan_view(plan, types[plan.product_type], None)


async def all_plans(session: AsyncSession, request: PageRequest) -> Page[StaffPlanView]:
    """Every plan in every state and of every type, for staff."""
    statement = select(Plan).options(*_WITH_PRICES)
    return await page_of(session, statement, Plan.id, request, staff_plan_view)


def staff_plan_view(plan: Plan) -> StaffPlanView:
    """The plan as the console shows it."""
    return StaffPlanView(
        id=plan.id,
        code=plan.code,
        name=plan.name,
        product_type=plan.product_type,
        group=_group_view(plan),
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


def _on_sale(types: ProductTypes) -> Select[Plan]:
    """Published plans of the types that are loaded: of another nobody could say what to ask for."""
    return select(Plan).where(Plan.is_published(), Plan.product_type.in_(types)).options(*_WITH_PRICES)


def _plan_view(plan: Plan, product_type: ProductType, currency: str | None) -> PlanView:
    return PlanView(
        id=plan.id,
        code=plan.code,
        name=plan.name,
        tagline=plan.tagline,
        description=plan.description,
        product_type=plan.product_type,
        unit=product_type.unit,
        group=_group_view(plan),
        availability=plan.availability,
        recommended=plan.recommended,
        features=plan.features,
        summary=product_type.summary(plan.spec),
        spec=plan.spec,
        fields=product_type.fields(plan.options),
        intervals=list(product_type.intervals),
        max_quantity=product_type.max_quantity,
        prices=[_price_view(price) for price in plan.current_prices if currency in (None, price.currency)],
    )


def _group_view(plan: Plan) -> GroupView:
    return GroupView(code=plan.group.code, name=plan.group.name)


def _price_view(price: Price) -> PriceView:
    return PriceView(
        id=price.id,
        currency=price.currency,
        interval=price.interval,
        amount_minor=price.amount_minor,
        setup_fee_minor=price.setup_fee_minor,
    )
