"""What a customer can see and do: their services, what happened to them, and the power button."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from services.provisioning.api.schemas import PowerAccepted, PowerBody, ServicesRequest
from services.provisioning.queries.services import list_services, read_service, read_timeline
from services.provisioning.queries.views import ServiceTimeline, ServiceView
from services.provisioning.use_cases.power import request_power
from shared.contracts.reads.common import Page
from shared.database import Database, Listener, UnitOfWork
from shared.web.access import Caller, account_of, customer_router
from shared.web.context import request_id
from shared.web.fields import path_id
from shared.web.idempotency import OnceOptional
from shared.web.streams import change_stream

ServiceId = path_id("svc")


def customer_routes(database: Database, listener: Listener) -> APIRouter:
    """`listener` hears the channel `timeline`."""
    router = customer_router()

    @router.get("/services", permission="services.read")
    async def list_my_services(caller: Caller, page: Annotated[ServicesRequest, Query()]) -> Page[ServiceView]:
        """The account's services, the latest first."""
        async with database.read() as session:
            return await list_services(session, account_of(caller), page, page.order_id)

    @router.get("/services/{service_id}", permission="services.read")
    async def read_my_service(caller: Caller, service_id: ServiceId) -> ServiceView:  # type: ignore[valid-type]
        """One service."""
        async with database.read() as session:
            return await read_service(session, account_of(caller), service_id)

    @router.get("/services/{service_id}/timeline", permission="services.read")
    async def read_my_timeline(caller: Caller, service_id: ServiceId) -> ServiceTimeline:  # type: ignore[valid-type]
        """What happened to it, and what is still to come."""
        async with database.read() as session:
            return await read_timeline(session, account_of(caller), service_id)

    @router.get("/services/{service_id}/stream", permission="services.read", response_class=StreamingResponse)
    async def stream_my_service(caller: Caller, service_id: ServiceId) -> Response:  # type: ignore[valid-type]
        """Server-sent events that say when to read again."""
        async with database.read() as session:
            await read_service(session, account_of(caller), service_id)
        return change_stream(listener, "timeline", service_id)

    @router.post(
        "/services/{service_id}/power", permission="services.power", status_code=202, response_model=PowerAccepted
    )
    async def press_power(
        caller: Caller,
        request: Request,
        service_id: ServiceId,  # type: ignore[valid-type]
        body: PowerBody,
        once: OnceOptional,
    ) -> Response:
        """Starts, stops or restarts the machine behind an active service."""
        account_id = account_of(caller)

        async def change(work: UnitOfWork) -> PowerAccepted:
            job = await request_power(
                work,
                account_id=account_id,
                resource_id=service_id,
                action=body.action,
                request=request.headers.get("idempotency-key") or request_id(),
                by=caller.subject,
            )
            return PowerAccepted(job_id=job.id)

        return await once(change, status=202)

    return router
