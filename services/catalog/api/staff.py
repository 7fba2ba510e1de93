"""What staff see and decide: every order, and the shelf."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.catalog.api.schemas import DecisionBody, PriceBody, StaffOrdersRequest
from services.catalog.queries.order_views import StaffOrderView, staff_order_view
from services.catalog.queries.orders import all_orders, any_order, any_timeline
from services.catalog.queries.plans import StaffPlanView, all_plans, staff_plan_view
from services.catalog.use_cases.manage_plans import publish_plan, reprice_plan, retire_plan
from services.catalog.use_cases.take_payments import accept_payment
from shared.contracts.reads.common import Page, Timeline
from shared.database import Database, UnitOfWork
from shared.web.access import Caller, PermissionRouter, staff_router
from shared.web.fields import path_id
from shared.web.idempotency import OnceOptional
from shared.web.pagination import PageQuery

OrderId = path_id("ord")
PlanId = path_id("pln")


def staff_routes(database: Database) -> APIRouter:
    """Orders and plans for the console."""
    router = staff_router()
    _orders(router, database)
    _plans(router, database)
    return router


def _orders(router: PermissionRouter, database: Database) -> None:
    @router.get("/orders", permission="staff.orders.read")
    async def list_staff_orders(wanted: Annotated[StaffOrdersRequest, Query()]) -> Page[StaffOrderView]:
        """Every account's orders, newest first."""
        async with database.read() as session:
            return await all_orders(session, wanted, wanted.status, wanted.q)

    @router.get("/orders/{order_id}", permission="staff.orders.read")
    async def get_staff_order(order_id: OrderId) -> StaffOrderView:  # type: ignore[valid-type]
        """One order, with its payments and what needs attention."""
        async with database.read() as session:
            return await any_order(session, order_id)

    @router.get("/orders/{order_id}/timeline", permission="staff.orders.read")
    async def get_staff_order_timeline(order_id: OrderId) -> Timeline:  # type: ignore[valid-type]
        """What happened to an order, with what only staff may read."""
        async with database.read() as session:
            return await any_timeline(session, order_id)

    @router.post(
        "/orders/{order_id}/accept-payment",
        permission="staff.payments.accept",
        fresh=True,
        response_model=StaffOrderView,
    )
    async def accept_order_payment(
        caller: Caller,
        order_id: OrderId,  # type: ignore[valid-type]
        body: DecisionBody,
        once: OnceOptional,
    ) -> object:
        """Decides that the money under review pays the order; what was bought is delivered. Safe to repeat."""

        async def change(work: UnitOfWork) -> BaseModel:
            return staff_order_view(
                await accept_payment(work, order_id=order_id, by=caller.user_id, reason=body.reason)
            )

        return await once(change)


def _plans(router: PermissionRouter, database: Database) -> None:
    @router.get("/plans", permission="staff.plans.read")
    async def list_staff_plans(page: PageQuery) -> Page[StaffPlanView]:
        """Every plan in every state."""
        async with database.read() as session:
            return await all_plans(session, page)

    @router.post("/plans/{plan_id}/publish", permission="staff.plans.write", response_model=StaffPlanView)
    async def publish(caller: Caller, plan_id: PlanId, once: OnceOptional) -> object:  # type: ignore[valid-type]
        """Puts a plan on sale, or tells billing about a published one once more."""

        async def change(work: UnitOfWork) -> BaseModel:
            return staff_plan_view(await publish_plan(work, plan_id=plan_id, by=caller.user_id))

        return await once(change)

    @router.post("/plans/{plan_id}/prices", permission="staff.plans.write", response_model=StaffPlanView)
    async def reprice(
        caller: Caller,
        plan_id: PlanId,  # type: ignore[valid-type]
        body: PriceBody,
        once: OnceOptional,
    ) -> object:
        """Replaces a price; orders placed before keep theirs."""

        async def change(work: UnitOfWork) -> BaseModel:
            plan = await reprice_plan(work, plan_id=plan_id, by=caller.user_id, **body.model_dump())
            return staff_plan_view(plan)

        return await once(change)

    @router.post("/plans/{plan_id}/retire", permission="staff.plans.write", response_model=StaffPlanView)
    async def retire(caller: Caller, plan_id: PlanId, once: OnceOptional) -> object:  # type: ignore[valid-type]
        """Takes a plan from sale; what was sold stays as it is."""

        async def change(work: UnitOfWork) -> BaseModel:
            return staff_plan_view(await retire_plan(work, plan_id=plan_id, by=caller.user_id))

        return await once(change)
