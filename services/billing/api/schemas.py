"""What billing's API accepts, and its short answers; the views of rows are in queries."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from services.billing.use_cases.move_clock import FARTHEST, BusinessTime
from shared.contracts.reads.common import Moment
from shared.web.fields import Body, Line, body_id

# Stripe's largest amount is far below; this one keeps sums within 64 bits.
_LARGEST_AMOUNT = 99_999_999_99
Amount = Annotated[int, Field(ge=0, le=_LARGEST_AMOUNT, strict=True)]
EventState = Literal["ready", "done", "dead", "parked", "canceled"]


class Replay(BaseModel):
    """The event will be processed again."""

    status: str = "ready"


class CheckoutLineBody(Body):
    """A line of the order. The set-up fee is per unit, like the price. `item_id` is the order's item it pays."""

    price_id: body_id("prc")  # type: ignore[valid-type]  # an Annotated type made by a function
    description: Annotated[Line, StringConstraints(min_length=1, max_length=400)]
    quantity: Annotated[int, Field(ge=1, le=999, strict=True)]
    unit_amount_minor: Amount
    setup_fee_minor: Amount
    interval: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,20}$")]
    item_id: body_id("itm") | None = None  # type: ignore[valid-type]  # an Annotated type made by a function


class CheckoutBody(Body):
    """What catalog asks to be paid."""

    order_id: body_id("ord")  # type: ignore[valid-type]  # an Annotated type made by a function
    order_number: Annotated[Line, StringConstraints(min_length=1, max_length=40)]
    account_id: body_id("acc")  # type: ignore[valid-type]  # an Annotated type made by a function
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    total_minor: Amount
    expires_at: AwareDatetime
    lines: Annotated[list[CheckoutLineBody], Field(min_length=1, max_length=20)]


class ClockMove(Body):
    """How far an account's business time is moved: by a number of seconds, or to a moment."""

    advance_seconds: Annotated[int, Field(ge=1, le=int(FARTHEST.total_seconds()), strict=True)] | None = None
    to: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> "ClockMove":
        if (self.advance_seconds is None) == (self.to is None):
            raise ValueError("say either advance_seconds or to")
        return self


class BusinessTimeView(BaseModel):
    """What time it is in an account's business, and by how many seconds that is ahead of real time."""

    account_id: str
    offset_seconds: int
    business_now: Moment

    @classmethod
    def of(cls, time: BusinessTime) -> "BusinessTimeView":
        """The answer that says so."""
        return cls(account_id=time.account_id, offset_seconds=time.offset_seconds, business_now=time.business_now)


class CheckoutView(BaseModel):
    """Where the customer pays, and until when."""

    checkout_id: str
    url: str
    expires_at: Moment
