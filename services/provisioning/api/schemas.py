"""What this API accepts, and its small answers."""

from typing import Annotated, Literal

from fastapi import Query

from services.provisioning.queries.jobs import JobState
from shared.web.fields import Body, Line, body_id
from shared.web.pagination import PageRequest

OrderId = body_id("ord")
Search = Annotated[Line | None, Query(max_length=100)]


class ServicesRequest(PageRequest):
    """Which of the account's services are wanted."""

    order_id: OrderId | None = None  # type: ignore[valid-type]  # an annotated str made at run time


class StaffServicesRequest(PageRequest):
    """Which services are wanted."""

    q: Search = None


class JobsRequest(PageRequest):
    """Which jobs are wanted."""

    state: JobState | None = None
    q: Search = None


class PowerBody(Body):
    """What shall happen to the machine."""

    action: Literal["start", "stop", "reboot"]


class PowerAccepted(Body):
    """The action is queued as this job; the service's `pending_action` says when it is over."""

    job_id: str


class RetryAccepted(Body):
    """The job is due now."""

    status: Literal["ready"] = "ready"
