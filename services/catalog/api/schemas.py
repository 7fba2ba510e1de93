"""What requests may say. No body has a field for an amount that customers pay, an owner or a status."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from services.catalog.queries.orders import OrderStatus
from services.catalog.use_cases.pricing import MOST_UNITS, WantedItem
from shared.kernel import CURRENCIES
from shared.web.fields import Body, Line
from shared.web.pagination import PageRequest

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]
Interval = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,19}$", description="month, year, or another the plan has")]
PlanCode = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
FieldKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
MOST_ITEMS = 20
_LARGEST_AMOUNT = max(currency.largest for currency in CURRENCIES.values())  # what a currency takes is a rule
_AT_TOP = ("hostname", "template")


class OrderItemBody(Body):
    """One line of a new order. `configuration` is what the plan's `fields` ask for, by key.

    `hostname` and `template` beside it are how servers were configured before; they mean the fields of these names.
    """

    plan: PlanCode
    interval: Interval
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_UNITS)] = 1
    configuration: Annotated[dict[FieldKey, Any], Field(max_length=50)] = {}
    hostname: Annotated[str | None, Field(max_length=253, deprecated="use configuration.hostname")] = None
    template: Annotated[str | None, Field(max_length=60, deprecated="use configuration.template")] = None

    @model_validator(mode="after")
    def _each_once(self) -> "OrderItemBody":
        if twice := [key for key in self._given_at_top() if key in self.configuration]:
            raise ValueError(f"{twice[0]} stands in the configuration already: give it once")
        return self

    def wanted(self) -> WantedItem:
        """The line in the use case's terms."""
        at_top = self._given_at_top()
        configuration = {**self.configuration, **at_top}
        return WantedItem(self.plan, self.interval, self.quantity, configuration, frozenset(at_top))

    def _given_at_top(self) -> dict[str, str]:
        return {key: self.__dict__[key] for key in _AT_TOP if self.__dict__[key] is not None}


class OrderBody(Body):
    """A new order, or one to be quoted. What it costs is not for the client to say."""

    currency: Currency
    items: Annotated[list[OrderItemBody], Field(min_length=1, max_length=MOST_ITEMS)]

    def wanted(self) -> list[WantedItem]:
        """Its lines in the use case's terms."""
        return [item.wanted() for item in self.items]


class PriceBody(Body):
    """A new price of a plan, in minor units (staff)."""

    currency: Currency
    interval: Interval
    amount_minor: Annotated[int, Field(strict=True, ge=1, le=_LARGEST_AMOUNT)]
    setup_fee_minor: Annotated[int, Field(strict=True, ge=0, le=_LARGEST_AMOUNT)] = 0


class DecisionBody(Body):
    """A decision of staff, with the reason that goes into the history and may be shown to the customer."""

    reason: Annotated[Line, Field(min_length=3, max_length=500)]


class ChangeBody(DecisionBody):
    """Which plan an entitlement is to from now on, and why."""

    plan: PlanCode


class StaffOrdersRequest(PageRequest):
    """Which orders staff want to see; `q` is a number, an id, or the beginning of a name or an e-mail address."""

    status: OrderStatus | None = None
    q: Annotated[Line, Field(max_length=253)] | None = None
