"""What happens when a person presses Pay on a Checkout Session.

Follows the current API version: the subscription and its invoice are created after the payment has succeeded, so a
declined card leaves an open session, a payment intent and a failed charge, and nothing else
(https://docs.stripe.com/changelog/basil/2025-03-31/checkout-legacy-subscription-upgrade).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.stripe.billing import subscription_lines
from sandbox.stripe.cards import AUTHENTICATION_FAILED, CARDS, Card, Decline
from sandbox.stripe.faults import CheckoutMutation
from sandbox.stripe.resources import (
    charges,
    checkout_sessions,
    customers,
    invoices,
    payment_intents,
    payment_methods,
    subscriptions,
)
from sandbox.stripe.resources.invoice_lines import Line
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

# Card networks carry at most this much of an order reference; subscription payments show the cut form.
_REFERENCE_LENGTH = 25


class Outcome(StrEnum):
    """How an attempt to pay ended."""

    PAID = "paid"
    DECLINED = "declined"
    CHALLENGED = "challenged"
    ALREADY_PAID = "already_paid"
    EXPIRED = "expired"


@dataclass
class _Attempt:
    """One try at paying a session. `private` is what Checkout keeps about it; `mutation` is a fault in it."""

    work: Work
    session: JsonObject
    private: JsonObject
    card: Card
    email: str | None
    mutation: CheckoutMutation | None = None

    @property
    def subscribing(self) -> bool:
        return bool(self.session["mode"] == "subscription")

    @property
    def saves_card(self) -> bool:
        """Whether the card stays with the customer, to be charged again without them."""
        return self.subscribing or self.private["payment_intent_data"].get("setup_future_usage") is not None


def pay(
    work: Work, session_id: str, card: Card, email: str | None = None, mutation: CheckoutMutation | None = None
) -> Outcome:
    """Tries that card. A session that is paid or expired is left alone. Raises StripeError for an unknown id.

    mutation: what is charged instead, and whom; without one the faults may hold one for whichever checkout is next.
    """
    session = checkout_sessions.refreshed(work, work.require("checkout.session", session_id))
    settled = _settled(session)
    if settled is not None:
        return settled
    attempt = _attempt(work, session, card, email)
    attempt.mutation = mutation
    if session["amount_total"] == 0:
        return _complete(attempt, intent=None, method=None)
    intent = _intent(attempt)
    method = payment_methods.build(work, card, None, attempt.email)
    if card.decline is not None:
        return _decline(attempt, intent, method, card.decline, charged=True)
    if card.challenge:
        url = f"{session['url']}/authenticate"
        payment_intents.require_authentication(work, intent, method, url)
        _remember(attempt, problem=None, challenge={"card": card.number, "payment_method": method["id"]})
        return Outcome.CHALLENGED
    return _charge(attempt, intent, method, authenticated=False)


def answer_challenge(work: Work, session_id: str, *, passed: bool) -> Outcome:
    """The payer completed or failed 3-D Secure. Without an open challenge nothing happens."""
    session = checkout_sessions.refreshed(work, work.require("checkout.session", session_id))
    settled = _settled(session)
    if settled is not None:
        return settled
    challenge = work.require("checkout_state", session_id)["challenge"]
    if challenge is None:
        return Outcome.DECLINED
    attempt = _attempt(work, session, CARDS[challenge["card"]], None)
    intent, method = _intent(attempt), work.require("payment_method", challenge["payment_method"])
    if passed:
        return _charge(attempt, intent, method, authenticated=True)
    return _decline(attempt, intent, method, AUTHENTICATION_FAILED, charged=False)


def _settled(session: JsonObject) -> Outcome | None:
    return {"complete": Outcome.ALREADY_PAID, "expired": Outcome.EXPIRED}.get(session["status"])


def _attempt(work: Work, session: JsonObject, card: Card, email: str | None) -> _Attempt:
    private = work.require("checkout_state", session["id"])
    customer = work.store.get("customer", session["customer"]) if session["customer"] else None
    known = (customer["email"] if customer else None) or session["customer_email"]
    private["email"] = known or email or private["email"]
    return _Attempt(work.of_customer(session["customer"]), session, private, card, private["email"])


def _remember(attempt: _Attempt, **changes: Any) -> None:
    attempt.private.update(changes)
    attempt.work.store.save("checkout_state", attempt.private)


def _intent(attempt: _Attempt) -> JsonObject:
    """The session's one payment intent: made by the first attempt, reused by the next."""
    if attempt.private["payment_intent"] is not None:
        return attempt.work.require("payment_intent", attempt.private["payment_intent"])
    session, data = attempt.session, attempt.private["payment_intent_data"]
    reference = session["id"][:_REFERENCE_LENGTH] if attempt.subscribing else session["id"]
    intent = payment_intents.build(
        attempt.work,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description="Subscription creation" if attempt.subscribing else data.get("description"),
        metadata=data.get("metadata") or {},
        order_reference=reference,
        off_session=attempt.saves_card,
    )
    _remember(attempt, payment_intent=intent["id"])
    if not attempt.subscribing:
        session["payment_intent"] = intent["id"]
        attempt.work.store.save("checkout.session", session)
    return intent


def _decline(attempt: _Attempt, intent: JsonObject, method: JsonObject, decline: Decline, *, charged: bool) -> Outcome:
    charge = None
    if charged:
        charge = charges.build(
            attempt.work,
            intent=intent,
            method=method,
            card=attempt.card,
            customer=attempt.session["customer"],
            email=attempt.email,
            decline=decline,
        )
    payment_intents.fail(attempt.work, intent, decline, method, charge)
    problem = {"code": decline.code, "decline_code": decline.decline_code, "message": decline.message}
    _remember(attempt, problem=problem, challenge=None)
    return Outcome.DECLINED


def _charge(attempt: _Attempt, intent: JsonObject, method: JsonObject, *, authenticated: bool) -> Outcome:
    work, session = attempt.work, attempt.session
    mutation = attempt.mutation or work.faults.take_mutation()
    if mutation is not None:
        if mutation.customer is not None:
            session["customer"] = _another(work, mutation.customer)
        session["amount_total"] = session["amount_subtotal"] = (
            mutation.amount if mutation.amount is not None else session["amount_total"]
        )
        session["currency"] = mutation.currency or session["currency"]
        intent.update(amount=session["amount_total"], currency=session["currency"], customer=session["customer"])
    customer = _customer(attempt)
    if customer is not None and attempt.saves_card:
        method["customer"] = customer["id"]
        work.store.save("payment_method", method)
        work.emit("payment_method.attached", method)
    charge = charges.build(
        work,
        intent=intent,
        method=method,
        card=attempt.card,
        customer=customer["id"] if customer else None,
        email=attempt.email,
        authenticated=authenticated,
    )
    payment_intents.succeed(work, intent, charge, method)
    return _complete(attempt, intent, method)


def _another(work: Work, customer_id: str) -> str:
    known = customers.build(work, email=None) if customer_id == "new" else work.require("customer", customer_id)
    return str(known["id"])


def _customer(attempt: _Attempt) -> JsonObject | None:
    """The session's customer; a new one where Checkout creates one, None for a guest."""
    work, session = attempt.work, attempt.session
    if session["customer"] is not None:
        customer = work.require("customer", session["customer"])
        if customer["email"] is None and attempt.email is not None:
            customers.save_changes(work, customer, {"email": attempt.email})
        return customer
    if session["customer_creation"] != "always":
        return None
    customer = customers.build(work, email=attempt.email)
    session["customer"] = customer["id"]
    return customer


def _complete(attempt: _Attempt, intent: JsonObject | None, method: JsonObject | None) -> Outcome:
    work, session = attempt.work, attempt.session
    customer = _customer(attempt)
    if attempt.subscribing and customer is not None:
        _subscribe(attempt, customer, intent, method)
    elif session["invoice_creation"]["enabled"]:
        _invoice_once(attempt, customer or customers.build(work, email=attempt.email), intent)
    session.update(
        status="complete",
        url=None,
        payment_status="paid" if intent is not None else "no_payment_required",
        customer_details=checkout_sessions.customer_details(attempt.email, customer),
    )
    work.store.save("checkout.session", session)
    _remember(attempt, problem=None, challenge=None)
    work.emit("checkout.session.completed", session)
    return Outcome.PAID


def _subscribe(attempt: _Attempt, customer: JsonObject, intent: JsonObject | None, method: JsonObject | None) -> None:
    work, session, lines = attempt.work, attempt.session, attempt.private["lines"]
    recurring = [line for line in lines if line["price"]["recurring"] is not None]
    subscription = subscriptions.build(
        work,
        customer=customer["id"],
        prices=[(line["price"], line["quantity"]) for line in recurring],
        payment_method=method["id"] if method else None,
        data=attempt.private["subscription_data"],
        currency=session["currency"],
        test_clock=customer.get("test_clock"),
    )
    names = {line["price"]["id"]: line["description"] for line in lines}
    to_bill = subscription_lines(subscription, names) + [
        one_time_line(work, line) for line in lines if line["price"]["recurring"] is None
    ]
    invoice = invoices.build(
        work,
        customer=customer,
        lines=to_bill,
        total=session["amount_total"],
        currency=session["currency"],
        reason="subscription_create",
        subscription=subscription,
    )
    subscription["latest_invoice"] = invoice["id"]
    work.store.save("subscription", subscription)
    work.emit("customer.subscription.created", subscription)
    invoices.finalize(work, invoice, customer)
    invoices.settle(work, invoice, intent)
    session.update(subscription=subscription["id"], invoice=invoice["id"])


def _invoice_once(attempt: _Attempt, customer: JsonObject, intent: JsonObject | None) -> None:
    work, session = attempt.work, attempt.session
    invoice = invoices.build(
        work,
        customer=customer,
        lines=[one_time_line(work, line) for line in attempt.private["lines"]],
        total=session["amount_total"],
        currency=session["currency"],
        reason="manual",
        subscription=None,
        metadata=session["invoice_creation"]["invoice_data"]["metadata"],
        description=session["invoice_creation"]["invoice_data"].get("description"),
    )
    invoices.finalize(work, invoice, customer)
    invoices.settle(work, invoice, intent)
    session["invoice"] = invoice["id"]


def one_time_line(work: Work, line: JsonObject) -> Line:
    """A line that is billed once."""
    return Line(
        price=line["price"],
        quantity=line["quantity"],
        description=line["description"],
        start=work.now,
        end=work.now,
    )
