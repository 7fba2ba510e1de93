"""Routes for staff: what Stripe told us, what renews, what needs a person; and the clocks of test mode."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.billing import queries
from services.billing.api.schemas import BusinessTimeView, ClockMove, EventState, Replay
from services.billing.use_cases.move_clock import ClockDesk
from services.billing.use_cases.replay_event import replay_event
from shared.contracts.reads.billing import BillingOverview, StripeEventDetail, StripeEventView, SubscriptionView
from shared.contracts.reads.common import Page
from shared.database import Database
from shared.web.access import Caller, staff_router
from shared.web.fields import body_id, path_id
from shared.web.pagination import PageQuery

EventId = Annotated[str, Path(pattern=r"^evt_[A-Za-z0-9_]{1,200}$")]
EventType = Annotated[str | None, Query(alias="type", pattern=r"^[a-z0-9_.]{1,100}$")]


def staff_routes(database: Database, clocks: ClockDesk) -> APIRouter:
    """Stripe's events, subscriptions, the overview, and business time."""
    router = staff_router()

    @router.get("/overview/billing", permission="staff.billing.read")
    async def billing_overview() -> BillingOverview:
        """What needs a person in billing, and today's money."""
        async with database.read() as session:
            return await queries.overview(session, database.clock.now())

    @router.get("/subscriptions", permission="staff.billing.read")
    async def list_order_subscriptions(
        order_id: Annotated[body_id("ord"), Query()],  # type: ignore[valid-type]  # an Annotated type made by a function
    ) -> Page[SubscriptionView]:
        """What renews of one order: one per interval."""
        async with database.read() as session:
            return Page(data=await queries.subscriptions_of_order(session, order_id))

    @router.get("/stripe-events", permission="staff.billing.read")
    async def list_stripe_events(
        page: PageQuery,
        state: Annotated[EventState | None, Query()] = None,
        kind: EventType = None,
    ) -> Page[StripeEventView]:
        """Every event that was delivered or fetched, the latest first."""
        async with database.read() as session:
            return await queries.list_events(session, page, state=state, kind=kind)

    @router.get("/stripe-events/{event_id}", permission="staff.billing.read")
    async def get_stripe_event(event_id: EventId) -> StripeEventDetail:
        """One event with its payload."""
        async with database.read() as session:
            return await queries.get_event(session, event_id)

    @router.post("/stripe-events/{event_id}/replay", permission="staff.billing.replay", status_code=202)
    async def replay_stripe_event(event_id: EventId, _staff: Caller) -> Replay:
        """Processes the event again. Safe to press twice."""
        await database.run(lambda work: replay_event(work, event_id))
        return Replay()

    @router.post("/clocks/{account_id}", permission="staff.clock.move")
    async def move_clock(
        account_id: path_id("acc"),  # type: ignore[valid-type]  # an Annotated type made by a function
        move: ClockMove,
        _staff: Caller,
    ) -> BusinessTimeView:
        """Test mode only: moves an account's business time forward, and Stripe's clock of its customer with it."""
        if move.to is not None:
            return BusinessTimeView.of(await clocks.move(account_id, move.to))
        return BusinessTimeView.of(await clocks.advance(account_id, timedelta(seconds=move.advance_seconds or 0)))

    return router
