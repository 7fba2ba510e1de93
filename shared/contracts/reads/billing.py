"""What billing returns: invoices, subscriptions, and what Stripe told us."""

from typing import Any

from pydantic import BaseModel

from shared.contracts.reads.base import CustomerRef, Moment, MoneyView


class InvoiceView(BaseModel):
    """An invoice as its account sees it."""

    id: str
    number: str | None
    status: str
    order_id: str | None
    total: MoneyView
    amount_paid: MoneyView
    currency: str
    created_at: Moment
    paid_at: Moment | None
    hosted_invoice_url: str | None
    pdf_url: str | None


class SubscriptionView(BaseModel):
    """What renews together: the items of one order at one interval. `item_ids` are those of the order's items."""

    id: str
    order_id: str
    interval: str
    status: str
    total: MoneyView
    item_ids: list[str]
    next_charge_at: Moment | None
    ends_at: Moment | None


class StripeEventView(BaseModel):
    """An event of Stripe as staff see it in a list. `outcome` says what it did, `last_error` why it did not."""

    id: str
    type: str
    state: str
    outcome: str | None
    attempts: int
    received_at: Moment
    processed_at: Moment | None
    stripe_created_at: Moment
    last_error: str | None
    order_id: str | None
    customer: CustomerRef | None = None


class StripeEventDetail(StripeEventView):
    """One event with what Stripe sent."""

    api_version: str | None
    livemode: bool
    object_id: str | None
    failure_class: str | None
    next_attempt_at: Moment | None
    payload: Any


class PostingView(BaseModel):
    """One posting of an entry: the account it moves, and by how much; positive is a debit."""

    account: str
    amount: MoneyView


class EntryView(BaseModel):
    """One entry of the ledger: what moved, why and whose, and its postings, which sum to zero."""

    id: str
    kind: str
    at: Moment
    stripe_id: str | None
    order_id: str | None
    item_ids: list[str]
    postings: list[PostingView]
    customer: CustomerRef | None = None


class BalanceView(BaseModel):
    """What an account of the ledger holds in one currency; positive is a debit."""

    account: str
    amount: MoneyView


class BillingOverview(BaseModel):
    """What needs a person in billing, and today's money. Counts are exact up to 100, and then 100."""

    dead_events: int
    parked_events: int
    dead_tasks: int
    dead_letters: int
    open_disputes: int
    received_today: list[MoneyView]
    refunded_today: list[MoneyView]
