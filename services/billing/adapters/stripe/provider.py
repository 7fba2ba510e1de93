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
from services.billing.adapters.stripe.json_object import moment
from services.billing.adapters.stripe.readings import read_session
from services.billing.adapters.stripe.sdk import RequestOptions, StripeClient, call, error_code
from shared.database import FailureClass

_LOOKED_THROUGH = 100
_LONGEST_NAME = 250


def _key(*parts: object) -> RequestOptions:
    return {"idempotency_key": "-".join(str(part) for part in parts)}


class StripePayments:
    """A PaymentProvider over Stripe."""

    def __init__(self, client: StripeClient, close: Callable[[], Awaitable[None]]) -> None:
        self._v1 = client.v1
        self._close = close

    async def ensure_customer(self, details: CustomerDetails, *, generation: int = 0) -> str:
        """Adopts the customer whose metadata names the account; e-mail only narrows the search."""
        found = await call(self._v1.customers.list_async(params={"email": details.email, "limit": _LOOKED_THROUGH}))
        for customer in found.data:
            if customer.to_dict()["metadata"].get("account_id") == details.account_id:
                return customer.id
        created = await call(
            self._v1.customers.create_async(
                params={
                    "email": details.email,
                    "name": details.name,
                    "metadata": {"account_id": details.account_id},
                },
                options=_key(details.account_id, "customer", generation),
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
                    options=_key(details.plan_id, "product", generation),
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
            terms = (price.currency.upper(), price.unit_amount, recurring.interval if recurring else None)
            if not price.active or terms != (details.currency, details.amount_minor, details.interval):
                raise ProviderFailure(f"{details.price_id} exists archived or with other terms", FailureClass.PERMANENT)
            return price.id
        created = await call(
            self._v1.prices.create_async(
                params={
                    "product": details.product_id,
                    "currency": details.currency.lower(),
                    "unit_amount": details.amount_minor,
                    "recurring": {"interval": "year" if details.interval == "year" else "month"},
                    "lookup_key": details.price_id,
                    "metadata": {"price_id": details.price_id},
                },
                options=_key(details.price_id, "price", generation),
            )
        )
        return created.id

    async def open_session(self, request: SessionRequest) -> OpenedSession:
        """Hosted Checkout in subscription mode; set-up fees are one-time lines on the first invoice."""
        session = await call(
            self._v1.checkout.sessions.create_async(
                params=_session_params(request),  # type: ignore[arg-type]  # built up, so no TypedDict literal
                options=_key(request.key),
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
        """The session as it stands now."""
        return _opened(await call(self._v1.checkout.sessions.retrieve_async(session_id)))

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


def _session_params(request: SessionRequest) -> dict[str, Any]:
    metadata = {
        "checkout_id": request.checkout_id,
        "order_id": request.order_id,
        "account_id": request.account_id,
        "attempt": str(request.attempt),
    }
    lines: list[dict[str, Any]] = []
    for line in request.lines:
        lines.append({"price": line.stripe_price_id, "quantity": line.quantity})
        if line.setup_fee_minor:
            fee = {
                "currency": request.currency.lower(),
                "unit_amount": line.setup_fee_minor,
                "product_data": {"name": f"Set-up: {line.description}"[:_LONGEST_NAME]},
            }
            lines.append({"price_data": fee, "quantity": line.quantity})
    return {
        "mode": "subscription",
        "customer": request.customer_id,
        "client_reference_id": request.checkout_id,
        "line_items": lines,
        "metadata": metadata,
        "subscription_data": {"description": f"Order {request.order_number}", "metadata": metadata},
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
    }


def _opened(session: Any) -> OpenedSession:
    return OpenedSession(read_session(session.to_dict()), session.url, moment(session.expires_at))
