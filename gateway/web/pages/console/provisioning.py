"""The provisioning queue and the services it makes."""

from starlette.responses import Response

from gateway.web.pages.listing import read_listing
from gateway.web.pages.route import get, post
from gateway.web.timeline import merge
from gateway.web.visit import Visit


async def jobs(visit: Visit) -> Response:
    listing = await read_listing(visit, "provisioning", "/api/v1/staff/jobs", ("state", "q"))
    return visit.render("console/jobs.html", listing=listing)


async def job(visit: Visit) -> Response:
    found = await visit.read("provisioning", f"/api/v1/staff/jobs/{visit.path('job_id')}")
    return visit.render("console/job.html", job=found)


async def retry(visit: Visit) -> Response:
    job_id = visit.path("job_id")
    answer = await visit.call("provisioning", "POST", f"/api/v1/staff/jobs/{job_id}/retry")
    if answer.status == 409:
        return visit.redirect(f"/console/provisioning/{job_id}", "job-not-retryable")
    visit.require("provisioning", answer)
    return visit.redirect(f"/console/provisioning/{job_id}", "job-retried")


async def services(visit: Visit) -> Response:
    listing = await read_listing(visit, "provisioning", "/api/v1/staff/services", ("q",))
    return visit.render("console/services.html", listing=listing)


async def service(visit: Visit) -> Response:
    found = await visit.read("provisioning", f"/api/v1/staff/services/{visit.path('service_id')}")
    steps = merge([], [(str(found["name"]), found.get("timeline") or [])])
    return visit.render("console/service.html", service=found, steps=steps)


ROUTES = (
    get("/console/provisioning", jobs, "staff"),
    get("/console/provisioning/{job_id}", job, "staff"),
    post("/console/provisioning/{job_id}/retry", retry, "staff"),
    get("/console/services", services, "staff"),
    get("/console/services/{service_id}", service, "staff"),
)
