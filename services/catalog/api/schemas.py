"""What requests may say. No body has a field for an amount that customers pay, an owner or a status."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from services.catalog.queries.orders import OrderStatus
from services.catalog.use_cases.place_order import WantedItem
from shared.contracts.reads.common import Moment
from shared.kernel import CURRENCIES
from shared.web.fields import Body, Line
from shared.web.pagination import PageRequest

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Interval = Literal["month", "year"]
PlanCode = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
MOST_ITEMS = 20
MOST_UNITS = 10
_LARGEST_AMOUNT = max(currency.largest for currency in CURRENCIES.values())  # what a currency takes is a rule


class OrderItemBody(Body):
    """One line of a new order."""

    plan: PlanCode
    interval: Interval
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_UNITS)] = 1
    hostname: Annotated[str, Field(max_length=253)] | None = None
    template: Annotated[str, Field(max_length=60)] | None = None

    def wanted(self) -> WantedItem:
        """The line in the use case's terms."""
        return WantedItem(self.plan, self.interval, self.quantity, self.hostname, self.template)


class OrderBody(Body):
    """A new order. What it costs is not for the client to say."""

    currency: Currency
    items: Annotated[list[OrderItemBody], Field(min_length=1, max_length=MOST_ITEMS)]


class CheckoutView(BaseModel):
    """Where to pay, and until when."""

    url: str
    expires_at: Moment


class PriceBody(Body):
    """A new price of a plan, in minor units (staff)."""

    currency: Currency
    interval: Interval
    amount_minor: Annotated[int, Field(strict=True, ge=1, le=_LARGEST_AMOUNT)]
    setup_fee_minor: Annotated[int, Field(strict=True, ge=0, le=_LARGEST_AMOUNT)] = 0


class DecisionBody(Body):
    """A decision of staff, with the reason that goes into the order's history."""

    reason: Annotated[Line, Field(min_length=3, max_length=500)]


class StaffOrdersRequest(PageRequest):
    """Which orders staff want to see; `q` is a number, an id, or the beginning of a host name."""

    status: OrderStatus | None = None
    q: Annotated[Line, Field(max_length=253)] | None = None
