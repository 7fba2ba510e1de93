"""What staff can see and do: every service, every job, and what needs a person."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.provisioning.api.schemas import (
    JobsRequest,
    RetryAccepted,
    StaffPowerBody,
    StaffServicesRequest,
)
from services.provisioning.queries.jobs import list_jobs, read_job
from services.provisioning.queries.providers import read_overview
from services.provisioning.queries.services import list_all_services, read_any_service
from services.provisioning.use_cases.actions import request_action_by_staff
from services.provisioning.use_cases.retry import retry_job
from services.provisioning.use_cases.tools import Tools
from shared.contracts.reads.base import Page
from shared.contracts.reads.provisioning import (
    JobDetail,
    JobView,
    PowerAccepted,
    ProvisioningOverview,
    StaffServiceDetail,
    StaffServiceView,
)
from shared.database import Database, UnitOfWork
from shared.web.access import Caller, staff_router
from shared.web.context import request_id
from shared.web.fields import path_id
from shared.web.idempotency import IdempotencyKeyOptional

ServiceId = path_id("svc")
JobId = path_id("job")


def staff_routes(database: Database, tools: Tools) -> APIRouter:
    """Every service and every job."""
    router = staff_router()

    @router.get("/jobs", permission="staff.services.read")
    async def list_provisioning_jobs(caller: Caller, page: Annotated[JobsRequest, Query()]) -> Page[JobView]:
        """Jobs, the latest first."""
        async with database.read() as session:
            return await list_jobs(session, caller, page, page.state, page.q)

    @router.get("/jobs/{job_id}", permission="staff.services.read")
    async def read_provisioning_job(caller: Caller, job_id: JobId) -> JobDetail:  # type: ignore[valid-type]
        """One job with its steps and its last error."""
        async with database.read() as session:
            return await read_job(session, tools.types, caller, job_id)

    @router.post("/jobs/{job_id}/retry", permission="staff.jobs.retry", status_code=202)
    async def retry_provisioning_job(caller: Caller, job_id: JobId) -> RetryAccepted:  # type: ignore[valid-type]
        """Another chance for a job that gave up or waits. It goes on where it stopped; pressing twice is harmless."""
        await database.run(lambda work: retry_job(work, tools, job_id, by=caller.subject))
        return RetryAccepted()

    @router.get("/services", permission="staff.services.read")
    async def list_every_service(
        caller: Caller, page: Annotated[StaffServicesRequest, Query()]
    ) -> Page[StaffServiceView]:
        """Everybody's services, the latest first."""
        async with database.read() as session:
            return await list_all_services(session, tools.types, caller, page, page.q)

    @router.get("/services/{service_id}", permission="staff.services.read")
    async def read_every_service(caller: Caller, service_id: ServiceId) -> StaffServiceDetail:  # type: ignore[valid-type]
        """One service with its whole story."""
        async with database.read() as session:
            return await read_any_service(session, tools.types, caller, service_id)

    @router.post(
        "/services/{service_id}/power",
        permission="staff.services.power",
        status_code=202,
        response_model=PowerAccepted,
    )
    async def press_power_of_any_service(
        caller: Caller,
        request: Request,
        service_id: ServiceId,  # type: ignore[valid-type]
        body: StaffPowerBody,
        once: IdempotencyKeyOptional,
    ) -> Response:
        """Starts, stops or restarts any active service; the reason is kept in its history."""

        async def change(work: UnitOfWork) -> PowerAccepted:
            key = request.headers.get("idempotency-key") or request_id()
            job = await request_action_by_staff(
                work, tools, caller, service_id, body.action, request=key, reason=body.reason
            )
            return PowerAccepted(job_id=job.id)

        return await once(change, status=202)

    @router.get("/overview/provisioning", permission="staff.services.read")
    async def read_provisioning_overview(caller: Caller) -> ProvisioningOverview:
        """What needs a person, in one read."""
        async with database.read() as session:
            return await read_overview(session, caller)

    return router
