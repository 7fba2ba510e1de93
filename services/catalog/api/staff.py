"""What staff see and decide: every order, what it entitles to, and the plans."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.catalog.api.schemas import ChangeBody, DecisionBody, PriceBody, StaffOrdersRequest
from services.catalog.domain import Customer
from services.catalog.product_types import ProductTypes
from services.catalog.queries.order_views import entitlement_view, staff_order_view
from services.catalog.queries.orders import all_orders, any_order_detail, any_timeline
from services.catalog.queries.overview import overview
from services.catalog.queries.plans import all_plans, staff_plan_view
from services.catalog.use_cases.decide_entitlements import change as change_entitlement
from services.catalog.use_cases.decide_entitlements import decide
from services.catalog.use_cases.manage_plans import publish_plan, reprice_plan, retire_plan
from services.catalog.use_cases.take_payments import accept_payment
from shared.contracts.reads.base import Page, Timeline
from shared.contracts.reads.catalog import (
    CatalogOverview,
    EntitlementView,
    StaffOrderDetail,
    StaffOrderView,
    StaffPlanView,
)
from shared.database import Database, UnitOfWork
from shared.web.access import PermissionRouter, staff_router
from shared.web.fields import path_id
from shared.web.idempotency import IdempotencyKeyOptional
from shared.web.pagination import PageQuery

OrderId = path_id("ord")
PlanId = path_id("pln")
EntitlementId = path_id("ent")


def staff_routes(database: Database, types: ProductTypes) -> APIRouter:
    """Orders, entitlements and plans for the console."""
    router = staff_router()
    _orders(router, database)
    _entitlements(router, database, types)
    _plans(router, database, types)
    return router


def _orders(router: PermissionRouter, database: Database) -> None:
    @router.get("/orders", permission="staff.orders.read")
    async def list_staff_orders(wanted: Annotated[StaffOrdersRequest, Query()]) -> Page[StaffOrderView]:
        """Every account's orders, newest first."""
        async with database.read() as session:
            return await all_orders(session, wanted, wanted.status, wanted.q)

    @router.get("/overview/catalog", permission="staff.orders.read")
    async def get_catalog_overview() -> CatalogOverview:
        """What needs a person, and the newest orders."""
        async with database.read() as session:
            return await overview(session, database.clock.now())

    @router.get("/orders/{order_id}", permission="staff.orders.read")
    async def get_staff_order(order_id: OrderId) -> StaffOrderDetail:  # type: ignore[valid-type]
        """One order, with its payments, what needs attention, and its timeline."""
        async with database.read() as session:
            return await any_order_detail(session, order_id)

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
        order_id: OrderId,  # type: ignore[valid-type]
        body: DecisionBody,
        once: IdempotencyKeyOptional,
    ) -> object:
        """Decides that the money under review pays the order; what was bought is delivered. Safe to repeat."""

        async def change(work: UnitOfWork) -> BaseModel:
            order = await accept_payment(work, order_id=order_id, reason=body.reason)
            return staff_order_view(order, await work.session.get(Customer, order.account_id))

        return await once(change)


def _entitlements(router: PermissionRouter, database: Database, types: ProductTypes) -> None:
    def deciding(verb: str, words: str, *, fresh: bool = False) -> None:
        async def act(
            entitlement_id: EntitlementId,  # type: ignore[valid-type]
            body: DecisionBody,
            once: IdempotencyKeyOptional,
        ) -> object:
            async def change(work: UnitOfWork) -> BaseModel:
                right = await decide(work, verb, entitlement_id=entitlement_id, reason=body.reason)
                return entitlement_view(right)

            return await once(change)

        act.__doc__ = f"{words} Safe to repeat."
        act.__name__ = f"{verb}_entitlement"
        path = f"/entitlements/{{entitlement_id}}/{verb}"
        router.post(path, permission="staff.services.manage", fresh=fresh, response_model=EntitlementView)(act)

    deciding("suspend", "Lets a right rest: its service stops and stays stopped.")
    deciding("resume", "Ends a suspension: the service may run again.")
    deciding("end", "Ends a right: its service ends, and is removed after its grace.", fresh=True)
    deciding("restore", "Makes a right valid again that was over, within the grace of its service.")

    @router.post(
        "/entitlements/{entitlement_id}/change",
        permission="staff.services.manage",
        fresh=True,
        response_model=EntitlementView,
    )
    async def put_on_another_plan(
        entitlement_id: EntitlementId,  # type: ignore[valid-type]
        body: ChangeBody,
        once: IdempotencyKeyOptional,
    ) -> object:
        """Puts a right onto another plan of its type. What is charged stays as it is. Safe to repeat."""

        async def change(work: UnitOfWork) -> BaseModel:
            right = await change_entitlement(
                work, types, entitlement_id=entitlement_id, plan_code=body.plan, reason=body.reason
            )
            return entitlement_view(right)

        return await once(change)


def _plans(router: PermissionRouter, database: Database, types: ProductTypes) -> None:
    @router.get("/plans", permission="staff.plans.read")
    async def list_staff_plans(page: PageQuery) -> Page[StaffPlanView]:
        """Every plan in every state."""
        async with database.read() as session:
            return await all_plans(session, page)

    @router.post("/plans/{plan_id}/publish", permission="staff.plans.write", response_model=StaffPlanView)
    async def publish(plan_id: PlanId, once: IdempotencyKeyOptional) -> object:  # type: ignore[valid-type]
        """Puts a plan on sale, or tells billing about a published one once more."""

        async def change(work: UnitOfWork) -> BaseModel:
            return staff_plan_view(await publish_plan(work, plan_id=plan_id))

        return await once(change)

    @router.post("/plans/{plan_id}/prices", permission="staff.plans.write", response_model=StaffPlanView)
    async def reprice(
        plan_id: PlanId,  # type: ignore[valid-type]
        body: PriceBody,
        once: IdempotencyKeyOptional,
    ) -> object:
        """Replaces a price; orders placed before keep theirs."""

        async def change(work: UnitOfWork) -> BaseModel:
            plan = await reprice_plan(work, types, plan_id=plan_id, **body.model_dump())
            return staff_plan_view(plan)

        return await once(change)

    @router.post("/plans/{plan_id}/retire", permission="staff.plans.write", response_model=StaffPlanView)
    async def retire(plan_id: PlanId, once: IdempotencyKeyOptional) -> object:  # type: ignore[valid-type]
        """Takes a plan from sale; what was sold stays as it is."""

        async def change(work: UnitOfWork) -> BaseModel:
            return staff_plan_view(await retire_plan(work, plan_id=plan_id))

        return await once(change)
