"""What this API accepts, and its small answers."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from services.provisioning.queries.jobs import JobState
from shared.web.fields import Body, Line, Prose, body_id
from shared.web.pagination import PageRequest

OrderId = body_id("ord")
Search = Annotated[Line | None, Query(max_length=320)]
Reason = Annotated[Prose, Field(min_length=3, max_length=500)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")]
Word = Annotated[Line, Field(min_length=1, max_length=64)]
Address = Annotated[Line, Field(min_length=1, max_length=500)]


class ServicesRequest(PageRequest):
    """Which of the account's services are wanted. `include=timeline` with an order: all of it, in one read."""

    order_id: OrderId | None = None  # type: ignore[valid-type]  # an annotated str made at run time
    include: Literal["timeline"] | None = None


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


class StaffPowerBody(PowerBody):
    """The same, with the reason that is kept."""

    reason: Reason


class RetryAccepted(Body):
    """The job is due now."""

    status: Literal["ready"] = "ready"


class NewProvider(Body):
    """A provider. `secret_ref` names where its secret is (`env:PROVISIONING_PROVIDER_…`, `file:/…`); `capacity` null:
    as many as come."""

    name: Name
    kind: Word
    product_types: Annotated[list[Word], Field(min_length=1, max_length=20)]
    endpoint: Address
    secret_ref: Address
    regions: Annotated[list[Word], Field(max_length=50)] = []
    settings: Annotated[dict[str, Any], Field(max_length=50)] = {}
    capacity: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    reason: Reason


class ProviderChange(Body):
    """New values for the fields that are given. `version` is the one this was decided on."""

    product_types: Annotated[list[Word] | None, Field(min_length=1, max_length=20)] = None
    endpoint: Address | None = None
    secret_ref: Address | None = None
    regions: Annotated[list[Word] | None, Field(max_length=50)] = None
    settings: Annotated[dict[str, Any] | None, Field(max_length=50)] = None
    capacity: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    version: Annotated[int, Field(ge=1)]
    reason: Reason

    def changes(self) -> dict[str, Any]:
        """The fields that were given; null is a value only for the capacity (no limit)."""
        given = self.model_dump(exclude={"version", "reason"}, exclude_unset=True)
        return {name: value for name, value in given.items() if value is not None or name == "capacity"}


class ReasonBody(Body):
    """A change that needs nothing but the reason for it."""

    reason: Reason


class SwitchBody(Body):
    """`engaged` stops; the reason is kept."""

    engaged: bool
    reason: Reason
