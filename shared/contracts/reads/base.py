"""What the read models of every context are made of."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, PlainSerializer

from shared.kernel import rfc3339

Item = TypeVar("Item", bound=BaseModel)

Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]


class MoneyView(BaseModel):
    """An amount as the API shows it: integer minor units and an ISO 4217 code."""

    amount_minor: int
    currency: str


class TimelineEntry(BaseModel):
    """One line of a timeline. `state` is done, active, waiting or failed; a step also says when it began and ended."""

    at: Moment
    key: str
    title: str
    detail: str | None = None
    state: str = "done"
    started_at: Moment | None = None
    finished_at: Moment | None = None


class Timeline(BaseModel):
    """What happened, in order; what is still to come stands at the end as waiting."""

    data: list[TimelineEntry]


class Page(BaseModel, Generic[Item]):
    """One page of a list, newest first; the cursors are null where there is no such page."""

    data: list[Item]
    next_cursor: str | None = None
    previous_cursor: str | None = None


class CustomerRef(BaseModel):
    """Whose something is, for staff: the account, and its owner's name and address (null when not known here yet)."""

    account_id: str
    name: str | None = None
    email: str | None = None


class LabelledValue(BaseModel):
    """Something to show about a thing: a label and its value in words; `copyable` values get a copy button."""

    key: str
    label: str
    value: str
    copyable: bool = False
