"""What staff can see and do: every service, every job, and the button that tries again."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.provisioning.adapters.tables import JobQueue
from services.provisioning.api.schemas import JobsRequest, RetryAccepted, StaffServicesRequest
from services.provisioning.queries.jobs import list_jobs, read_job
from services.provisioning.queries.services import list_all_services, read_any_service
from services.provisioning.queries.views import JobDetail, JobView, StaffServiceDetail, StaffServiceView
from services.provisioning.use_cases.retry import retry_job
from shared.contracts.reads.common import Page
from shared.database import Database
from shared.web.access import Caller, staff_router
from shared.web.fields import path_id

ServiceId = path_id("svc")
JobId = path_id("job")


def staff_routes(database: Database, queue: JobQueue) -> APIRouter:
    """Every service and every job."""
    router = staff_router()

    @router.get("/jobs", permission="staff.services.read")
    async def list_provisioning_jobs(page: Annotated[JobsRequest, Query()]) -> Page[JobView]:
        """Jobs, the latest first."""
        async with database.read() as session:
            return await list_jobs(session, page, page.state, page.q)

    @router.get("/jobs/{job_id}", permission="staff.services.read")
    async def read_provisioning_job(job_id: JobId) -> JobDetail:  # type: ignore[valid-type]
        """One job with its steps and its last error."""
        async with database.read() as session:
            return await read_job(session, job_id)

    @router.post("/jobs/{job_id}/retry", permission="staff.jobs.retry", status_code=202)
    async def retry_provisioning_job(caller: Caller, job_id: JobId) -> RetryAccepted:  # type: ignore[valid-type]
        """Another chance for a job that gave up or waits. It goes on where it stopped; pressing twice is harmless."""
        await database.run(lambda work: retry_job(work, queue, job_id, by=caller.subject))
        return RetryAccepted()

    @router.get("/services", permission="staff.services.read")
    async def list_every_service(page: Annotated[StaffServicesRequest, Query()]) -> Page[StaffServiceView]:
        """Everybody's services, the latest first."""
        async with database.read() as session:
            return await list_all_services(session, page, page.q)

    @router.get("/services/{service_id}", permission="staff.services.read")
    async def read_every_service(service_id: ServiceId) -> StaffServiceDetail:  # type: ignore[valid-type]
        """One service with its whole story."""
        async with database.read() as session:
            return await read_any_service(session, service_id)

    return router
