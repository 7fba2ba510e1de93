"""Calls about subscriptions: started with a saved card, moved, resized, ended."""

from datetime import datetime
from typing import Any

from services.billing.adapters.payments import ProviderFailure, SubscriptionRequest
from services.billing.adapters.stripe.readings import read_subscription
from services.billing.adapters.stripe.sdk import StripeClient, call, error_param, key_of, without_customer
from services.billing.domain.facts import SubscriptionFact
from shared.database import FailureClass

_LOOKED_THROUGH = 100
_NOT_PRORATED = "none"


class SubscriptionCalls:
    """The part of a PaymentProvider that speaks of subscriptions."""

    def __init__(self, client: StripeClient) -> None:
        self._v1 = client.v1

    async def find_subscription(self, customer_id: str, group_id: str) -> SubscriptionFact | None:
        """Looks through the customer's subscriptions, ended ones too, for our mark in the metadata."""
        with without_customer():
            page = await call(
                self._v1.subscriptions.list_async(
                    params={"customer": customer_id, "status": "all", "limit": _LOOKED_THROUGH}
                )
            )
        async for subscription in page.auto_paging_iter():
            if subscription.to_dict()["metadata"].get("group_id") == group_id:
                return _read(subscription)
        return None

    async def start_subscription(self, request: SubscriptionRequest, *, generation: int = 0) -> SubscriptionFact:
        """A subscription whose paid time is a trial: it charges first when that is over.

        https://docs.stripe.com/billing/subscriptions/trials
        """
        params: dict[str, Any] = {
            "customer": request.customer_id,
            "items": [{"price": price, "quantity": quantity} for price, quantity in sorted(request.units.items())],
            "default_payment_method": await self._card_of(request.session_id),
            "description": f"Order {request.order_number}",
            "metadata": {
                "group_id": request.group_id,
                "order_id": request.order_id,
                "checkout_id": request.checkout_id,
                "account_id": request.account_id,
            },
            "off_session": True,
            "proration_behavior": _NOT_PRORATED,
        }
        if request.first_charge_at is None:
            return await self._create(params, request.group_id, "due", generation)
        end = int(request.first_charge_at.timestamp())
        try:
            return await self._create({**params, "trial_end": end}, request.group_id, "subscription", generation)
        except ProviderFailure as failure:
            if error_param(failure) != "trial_end":
                raise
            # By the customer's own clock the paid time is over.
            return await self._create(params, request.group_id, "due", generation)

    async def _create(self, params: dict[str, Any], *key: object) -> SubscriptionFact:
        with without_customer():
            created = await call(
                self._v1.subscriptions.create_async(
                    params=params,  # type: ignore[arg-type]  # built up, so no TypedDict literal
                    options=key_of(*key),
                )
            )
        return _read(created)

    async def _card_of(self, session_id: str) -> str:
        """The payment method that paid the page, which saved it for later charges."""
        session = await call(
            self._v1.checkout.sessions.retrieve_async(session_id, params={"expand": ["payment_intent"]})
        )
        intent = session.to_dict().get("payment_intent") or {}
        method = intent.get("payment_method")
        if not isinstance(method, str):
            raise ProviderFailure(f"{session_id} saved no card", FailureClass.NEEDS_HUMAN)
        return method

    async def retrieve_subscription(self, subscription_id: str) -> SubscriptionFact:
        """The subscription as it stands now."""
        return _read(await call(self._v1.subscriptions.retrieve_async(subscription_id)))

    async def move_next_charge(self, subscription_id: str, to: datetime) -> SubscriptionFact:
        """A trial until `to`; the note that it was moved is written by the same call, so both happen or neither."""
        end = int(to.timestamp())
        updated = await call(
            self._v1.subscriptions.update_async(
                subscription_id,
                params={
                    "trial_end": end,
                    "proration_behavior": _NOT_PRORATED,
                    "metadata": {"rescheduled_to": str(end)},
                },
            )
        )
        return _read(updated)

    async def set_quantities(self, subscription: SubscriptionFact, units: dict[str, int]) -> SubscriptionFact:
        """Only what differs is sent; a price without units is taken off."""
        have = {price: (item, quantity) for item, price, quantity in subscription.units}
        changes: list[dict[str, Any]] = []
        for price, wanted in sorted(units.items()):
            item, quantity = have.get(price, (None, 0))
            if wanted == quantity:
                continue
            if item is None:
                changes.append({"price": price, "quantity": wanted})
            elif wanted:
                changes.append({"id": item, "quantity": wanted})
            else:
                changes.append({"id": item, "deleted": True})
        if not changes:
            return subscription
        updated = await call(
            self._v1.subscriptions.update_async(
                subscription.stripe_subscription_id,
                params={"items": changes, "proration_behavior": _NOT_PRORATED},  # type: ignore[arg-type]  # built up, so no TypedDict literal
            )
        )
        return _read(updated)

    async def cancel_subscription(self, subscription_id: str) -> SubscriptionFact:
        """At once, without a last invoice. Stripe does not find what was canceled before."""
        try:
            return _read(await call(self._v1.subscriptions.cancel_async(subscription_id, params={"prorate": False})))
        except ProviderFailure as failure:
            if failure.failure is not FailureClass.PERMANENT:
                raise
            now = await self.retrieve_subscription(subscription_id)
            if now.status != "canceled":
                raise
            return now

    async def stop_renewing(self, subscription_id: str, reason: str) -> SubscriptionFact:
        """Ends with its period, which a person can still take back."""
        try:
            updated = await call(
                self._v1.subscriptions.update_async(
                    subscription_id,
                    params={"cancel_at_period_end": True, "cancellation_details": {"comment": reason}},
                )
            )
        except ProviderFailure as failure:
            if failure.failure is not FailureClass.PERMANENT:
                raise
            now = await self.retrieve_subscription(subscription_id)
            if now.status != "canceled":
                raise
            return now
        return _read(updated)


def _read(subscription: Any) -> SubscriptionFact:
    return read_subscription(subscription.to_dict())
