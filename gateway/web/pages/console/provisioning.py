"""The provisioning queue: what is being built, for whom, and what holds it up."""

from starlette.responses import Response

from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit
from shared.contracts.reads.provisioning import JobDetail, JobView

_READ = "staff.services.read"


async def jobs(visit: Visit) -> Response:
    listing = await read_listing(visit, "provisioning", "/api/v1/staff/jobs", JobView, ("state", "q"))
    return visit.render("console/jobs.html", listing=listing)


async def job(visit: Visit) -> Response:
    found = await visit.read("provisioning", f"/api/v1/staff/jobs/{visit.path('job_id')}", JobDetail)
    return visit.render("console/job.html", job=found)


async def retry(visit: Visit) -> Response:
    job_id = visit.path("job_id")
    answer = await visit.call("provisioning", "POST", f"/api/v1/staff/jobs/{job_id}/retry")
    if answer.status == 409:
        return visit.redirect(f"/console/provisioning/{job_id}", "job-not-retryable")
    visit.require("provisioning", answer)
    return visit.redirect(f"/console/provisioning/{job_id}", "job-retried")


ROUTES = (
    get("/console/provisioning", jobs, _READ),
    get("/console/provisioning/{job_id}", job, _READ),
    post("/console/provisioning/{job_id}/retry", retry, "staff.jobs.retry"),
)
