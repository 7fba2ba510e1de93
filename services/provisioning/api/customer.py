"""What a customer can see and do: their services, what happened to them, and what each offers to be done."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from services.provisioning.api.schemas import PowerBody, ServicesRequest
from services.provisioning.queries.services import list_services, read_service, read_timeline, services_of_order
from services.provisioning.use_cases.actions import request_action
from services.provisioning.use_cases.one_time_secrets import show_secret
from services.provisioning.use_cases.tools import Tools
from shared.contracts.reads.base import Page
from shared.contracts.reads.provisioning import PowerAccepted, SecretView, ServiceDetail, ServiceTimeline, ServiceView
from shared.database import Database, Listener, UnitOfWork
from shared.kernel import Principal
from shared.web.access import Caller, customer_router
from shared.web.context import request_id
from shared.web.fields import path_id
from shared.web.idempotency import IdempotencyKeyOptional
from shared.web.streams import change_stream

ServiceId = path_id("svc")
ActionName = Annotated[str, Path(pattern=r"^[a-z][a-z_-]{0,39}$")]


def customer_routes(database: Database, listener: Listener, tools: Tools) -> APIRouter:
    """`listener` hears the channel `timeline`."""
    router = customer_router()

    @router.get("/services", permission="services.read", response_model=Page[ServiceDetail] | Page[ServiceView])
    async def list_my_services(
        caller: Caller, page: Annotated[ServicesRequest, Query()]
    ) -> Page[ServiceDetail] | Page[ServiceView]:
        """The account's services, the latest first; all of one order with their timelines by `include=timeline`."""
        async with database.read() as session:
            if page.include == "timeline":
                return await services_of_order(session, tools.types, caller, page.order_id)
            return await list_services(session, tools.types, caller, page, page.order_id)

    @router.get("/services/{service_id}", permission="services.read")
    async def read_my_service(caller: Caller, service_id: ServiceId) -> ServiceDetail:  # type: ignore[valid-type]
        """One service with its timeline and how to get in."""
        async with database.read() as session:
            return await read_service(session, tools.types, caller, service_id)

    @router.get("/services/{service_id}/timeline", permission="services.read")
    async def read_my_timeline(caller: Caller, service_id: ServiceId) -> ServiceTimeline:  # type: ignore[valid-type]
        """What happened to it, and what is still to come."""
        async with database.read() as session:
            return await read_timeline(session, tools.types, caller, service_id)

    @router.get("/services/{service_id}/stream", permission="services.read", response_class=StreamingResponse)
    async def stream_my_service(caller: Caller, service_id: ServiceId) -> Response:  # type: ignore[valid-type]
        """Server-sent events that say when to read again."""
        async with database.read() as session:
            await read_service(session, tools.types, caller, service_id)
        return change_stream(listener, "timeline", service_id)

    @router.post(
        "/services/{service_id}/power", permission="services.power", status_code=202, response_model=PowerAccepted
    )
    async def press_power(
        caller: Caller,
        request: Request,
        service_id: ServiceId,  # type: ignore[valid-type]
        body: PowerBody,
        once: IdempotencyKeyOptional,
    ) -> Response:
        """Starts, stops or restarts the machine behind an active service."""
        return await once(_asking(tools, caller, request, service_id, body.action), status=202)

    @router.post(
        "/services/{service_id}/actions/{name}",
        permission="services.power",
        status_code=202,
        response_model=PowerAccepted,
    )
    async def ask_for_action(
        caller: Caller,
        request: Request,
        service_id: ServiceId,  # type: ignore[valid-type]
        name: ActionName,
        once: IdempotencyKeyOptional,
    ) -> Response:
        """One of the actions the service offers now (its `actions`); anything else is refused with the reason."""
        return await once(_asking(tools, caller, request, service_id, name, offered_only=True), status=202)

    @router.post("/services/{service_id}/secret", permission="services.manage", fresh=True)
    async def show_my_secret(caller: Caller, service_id: ServiceId) -> SecretView:  # type: ignore[valid-type]
        """The one-time password, for the only time: it is forgotten with this answer."""
        value = await database.run(lambda work: show_secret(work, tools, caller, service_id))
        return SecretView(value=value)

    return router


def _asking(
    tools: Tools, caller: Principal, request: Request, service_id: str, action: str, *, offered_only: bool = False
) -> Callable[[UnitOfWork], Awaitable[PowerAccepted]]:
    async def change(work: UnitOfWork) -> PowerAccepted:
        job = await request_action(
            work,
            tools,
            caller,
            service_id,
            action,
            request=request.headers.get("idempotency-key") or request_id(),
            offered_only=offered_only,
        )
        return PowerAccepted(job_id=job.id)

    return change
