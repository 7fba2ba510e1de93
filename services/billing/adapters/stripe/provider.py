"""Billing's wishes as calls of Stripe's API. Creates carry idempotency keys derived from our own ids.

Stripe keeps the answer to a key for a day, errors included (https://docs.stripe.com/api/idempotent_requests). So
customers, products and prices are looked up before they are created, by something of ours that Stripe stores.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from services.billing.adapters.payments import (
    CustomerDetails,
    OpenedSession,
    PriceDetails,
    ProductDetails,
    ProviderFailure,
    SessionRequest,
)
from services.billing.adapters.stripe.clocks import ClockCalls
from services.billing.adapters.stripe.json_object import moment
from services.billing.adapters.stripe.pages import session_params
from services.billing.adapters.stripe.readings import read_session
from services.billing.adapters.stripe.sdk import StripeClient, call, error_code, key_of, without_customer
from services.billing.adapters.stripe.subscriptions import SubscriptionCalls
from shared.database import FailureClass

_LOOKED_THROUGH = 100


# Where Stripe keeps each kind of object an event of ours tells of.
_PATHS = {
    "checkout.session": "/v1/checkout/sessions/",
    "invoice": "/v1/invoices/",
    "subscription": "/v1/subscriptions/",
    "payment_intent": "/v1/payment_intents/",
    "charge": "/v1/charges/",
    "dispute": "/v1/disputes/",
    "refund": "/v1/refunds/",
    "credit_note": "/v1/credit_notes/",
}


class StripePayments(SubscriptionCalls, ClockCalls):
    """A PaymentProvider over Stripe. `test_clocks` gives each new customer a time of its own (test mode only)."""

    def __init__(
        self, client: StripeClient, close: Callable[[], Awaitable[None]], *, test_clocks: bool = False
    ) -> None:
        super().__init__(client)
        self._client = client
        self._close = close
        self._test_clocks = test_clocks

    async def ensure_customer(self, details: CustomerDetails, *, generation: int = 0) -> str:
        """Adopts the customer whose metadata names the account; e-mail only narrows the search.

        Customers on a test clock are listed by their clock alone.
        """
        wanted: dict[str, Any] = {"email": details.email}
        if self._test_clocks:
            wanted = {"test_clock": await self.clock_named(f"{details.account_id}-{details.number}")}
        found = await call(
            self._v1.customers.list_async(
                params={**wanted, "limit": _LOOKED_THROUGH}  # type: ignore[arg-type]  # built up, so no TypedDict literal
            )
        )
        for customer in found.data:
            if customer.to_dict()["metadata"].get("account_id") == details.account_id:
                return customer.id
        params: dict[str, Any] = {
            "email": details.email,
            "name": details.name,
            "metadata": {"account_id": details.account_id},
            **{name: value for name, value in wanted.items() if name == "test_clock"},
        }
        replaced = (f"after-{details.number}",) if details.number else ()
        created = await call(
            self._v1.customers.create_async(
                params=params,  # type: ignore[arg-type]  # built up, so no TypedDict literal
                options=key_of(details.account_id, "customer", *replaced, generation),
            )
        )
        return created.id

    async def ensure_product(self, details: ProductDetails, *, generation: int = 0) -> str:
        """The product's id is the plan's, so there can only be one."""
        try:
            product = await call(self._v1.products.retrieve_async(details.plan_id))
        except ProviderFailure as failure:
            if error_code(failure) != "resource_missing":
                raise
            return await self._create_product(details, generation)
        if (product.name, product.description or "") != (details.name, details.description):
            await call(
                self._v1.products.update_async(
                    details.plan_id, params={"name": details.name, "description": details.description}
                )
            )
        return product.id

    async def _create_product(self, details: ProductDetails, generation: int) -> str:
        params: dict[str, Any] = {
            "id": details.plan_id,
            "name": details.name,
            "metadata": {"plan_id": details.plan_id},
        }
        if details.description:
            params["description"] = details.description
        try:
            created = await call(
                self._v1.products.create_async(
                    params=params,  # type: ignore[arg-type]  # built up, so no TypedDict literal
                    options=key_of(details.plan_id, "product", generation),
                )
            )
        except ProviderFailure as failure:
            if error_code(failure) != "resource_already_exists":
                raise
            return details.plan_id
        return created.id

    async def ensure_price(self, details: PriceDetails, *, generation: int = 0) -> str:
        """Adopts the price whose lookup key is our price's id."""
        found = await call(self._v1.prices.list_async(params={"lookup_keys": [details.price_id], "limit": 1}))
        for price in found.data:
            recurring = price.recurring
            rhythm = (recurring.interval, recurring.interval_count) if recurring else None
            terms = (price.currency.upper(), price.unit_amount, rhythm)
            if not price.active or terms != (details.currency, details.amount_minor, _recurrence(details)):
                raise ProviderFailure(f"{details.price_id} exists archived or with other terms", FailureClass.PERMANENT)
            return price.id
        params: dict[str, Any] = {
            "product": details.product_id,
            "currency": details.currency.lower(),
            "unit_amount": details.amount_minor,
            "lookup_key": details.price_id,
            "metadata": {"price_id": details.price_id},
        }
        if details.recurrence is not None:
            params["recurring"] = {
                "interval": details.recurrence.unit,
                "interval_count": details.recurrence.count,
            }
        created = await call(
            self._v1.prices.create_async(
                params=params,  # type: ignore[arg-type]  # built up, so no TypedDict literal
                options=key_of(details.price_id, "price", generation),
            )
        )
        return created.id

    async def open_session(self, request: SessionRequest) -> OpenedSession:
        """Hosted Checkout. Raises CustomerDeleted when Stripe does not know the customer any more."""
        if self._test_clocks:
            await self.keep_up(request.customer_id)
        with without_customer():
            session = await call(
                self._v1.checkout.sessions.create_async(
                    params=session_params(request),  # type: ignore[arg-type]  # built up, so no TypedDict literal
                    options=key_of(request.key),
                )
            )
        return _opened(session)

    async def find_session(self, customer_id: str, checkout_id: str) -> OpenedSession | None:
        """Looks through the customer's open sessions."""
        found = await call(
            self._v1.checkout.sessions.list_async(
                params={"customer": customer_id, "status": "open", "limit": _LOOKED_THROUGH}
            )
        )
        for session in found.data:
            if session.client_reference_id == checkout_id:
                return _opened(session)
        return None

    async def retrieve_session(self, session_id: str) -> OpenedSession:
        """The session as it stands now, with its invoice, which says when it was paid."""
        return _opened(
            await call(self._v1.checkout.sessions.retrieve_async(session_id, params={"expand": ["invoice"]}))
        )

    async def expire_session(self, session_id: str) -> OpenedSession:
        """Stripe refuses to expire what is not open; then the session itself says what it is."""
        try:
            return _opened(await call(self._v1.checkout.sessions.expire_async(session_id)))
        except ProviderFailure as failure:
            if failure.failure is not FailureClass.PERMANENT:
                raise
            opened = await self.retrieve_session(session_id)
            if opened.fact.status == "open":
                raise
            return opened

    async def retrieve_object(self, kind: str, object_id: str) -> dict[str, Any]:
        """The object as it stands now, in our version, whatever version the event about it was made in."""
        path = _PATHS.get(kind)
        if path is None:
            raise ProviderFailure(f"no objects of kind {kind[:40]} are read here", FailureClass.PERMANENT)
        answer = await call(self._client.raw_request_async("get", f"{path}{object_id}"))
        return self._client.deserialize(answer, api_mode="V1").to_dict(for_json=True)

    async def list_events(
        self, *, since: datetime, until: datetime, after: str | None, limit: int
    ) -> Sequence[dict[str, Any]]:
        """Stripe's event log; it reaches back 30 days."""
        params: dict[str, Any] = {
            "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
            "limit": limit,
        }
        if after is not None:
            params["starting_after"] = after
        page = await call(
            self._v1.events.list_async(params=params)  # type: ignore[arg-type]  # built up, so no TypedDict literal
        )
        return [event.to_dict(for_json=True) for event in page.data]

    async def close(self) -> None:
        """Closes the HTTP connections."""
        await self._close()


def _recurrence(details: PriceDetails) -> tuple[str, int] | None:
    return (details.recurrence.unit, details.recurrence.count) if details.recurrence is not None else None


def _opened(session: Any) -> OpenedSession:
    return OpenedSession(read_session(session.to_dict()), session.url, moment(session.expires_at))
