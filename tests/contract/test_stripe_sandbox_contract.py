"""The sandbox against the official SDK: every key it serves and every parameter it takes exists there."""

import importlib
import re
import typing
from typing import Any

import pytest
import stripe
from stripe import StripeObject
from stripe._object_classes import OBJECT_CLASSES
from stripe._stripe_object import UntypedStripeObject

from sandbox.stripe.parameters import Fields, Items
from sandbox.stripe.routes import ENDPOINTS
from tests.support.stripe_sandbox import RunningSandbox, running_sandbox, subscription_session

PARAMETERS = {
    ("POST", "/v1/customers"): stripe.params.CustomerCreateParams,
    ("GET", "/v1/customers"): stripe.params.CustomerListParams,
    ("GET", "/v1/customers/{id}"): stripe.params.CustomerRetrieveParams,
    ("POST", "/v1/customers/{id}"): stripe.params.CustomerUpdateParams,
    ("DELETE", "/v1/customers/{id}"): stripe.params.CustomerDeleteParams,
    ("POST", "/v1/products"): stripe.params.ProductCreateParams,
    ("GET", "/v1/products"): stripe.params.ProductListParams,
    ("GET", "/v1/products/{id}"): stripe.params.ProductRetrieveParams,
    ("POST", "/v1/products/{id}"): stripe.params.ProductUpdateParams,
    ("POST", "/v1/prices"): stripe.params.PriceCreateParams,
    ("GET", "/v1/prices"): stripe.params.PriceListParams,
    ("GET", "/v1/prices/{id}"): stripe.params.PriceRetrieveParams,
    ("POST", "/v1/prices/{id}"): stripe.params.PriceUpdateParams,
    ("POST", "/v1/checkout/sessions"): stripe.params.checkout.SessionCreateParams,
    ("GET", "/v1/checkout/sessions"): stripe.params.checkout.SessionListParams,
    ("GET", "/v1/checkout/sessions/{id}"): stripe.params.checkout.SessionRetrieveParams,
    ("POST", "/v1/checkout/sessions/{id}"): stripe.params.checkout.SessionUpdateParams,
    ("POST", "/v1/checkout/sessions/{id}/expire"): stripe.params.checkout.SessionExpireParams,
    ("GET", "/v1/checkout/sessions/{id}/line_items"): stripe.params.checkout.SessionLineItemListParams,
    ("POST", "/v1/subscriptions"): stripe.params.SubscriptionCreateParams,
    ("GET", "/v1/subscriptions"): stripe.params.SubscriptionListParams,
    ("GET", "/v1/subscriptions/{id}"): stripe.params.SubscriptionRetrieveParams,
    ("POST", "/v1/subscriptions/{id}"): stripe.params.SubscriptionUpdateParams,
    ("DELETE", "/v1/subscriptions/{id}"): stripe.params.SubscriptionCancelParams,
    ("GET", "/v1/invoices"): stripe.params.InvoiceListParams,
    ("GET", "/v1/invoices/{id}"): stripe.params.InvoiceRetrieveParams,
    ("POST", "/v1/invoices/{id}/pay"): stripe.params.InvoicePayParams,
    ("GET", "/v1/invoices/{id}/lines"): stripe.params.InvoiceLineItemListParams,
    ("GET", "/v1/invoice_payments"): stripe.params.InvoicePaymentListParams,
    ("GET", "/v1/invoice_payments/{id}"): stripe.params.InvoicePaymentRetrieveParams,
    ("GET", "/v1/payment_intents"): stripe.params.PaymentIntentListParams,
    ("GET", "/v1/payment_intents/{id}"): stripe.params.PaymentIntentRetrieveParams,
    ("GET", "/v1/payment_methods/{id}"): stripe.params.PaymentMethodRetrieveParams,
    ("GET", "/v1/charges"): stripe.params.ChargeListParams,
    ("GET", "/v1/charges/{id}"): stripe.params.ChargeRetrieveParams,
    ("POST", "/v1/refunds"): stripe.params.RefundCreateParams,
    ("GET", "/v1/refunds"): stripe.params.RefundListParams,
    ("GET", "/v1/refunds/{id}"): stripe.params.RefundRetrieveParams,
    ("POST", "/v1/refunds/{id}"): stripe.params.RefundUpdateParams,
    ("GET", "/v1/events"): stripe.params.EventListParams,
    ("GET", "/v1/events/{id}"): stripe.params.EventRetrieveParams,
    ("POST", "/v1/test_helpers/test_clocks"): stripe.params.test_helpers.TestClockCreateParams,
    ("GET", "/v1/test_helpers/test_clocks"): stripe.params.test_helpers.TestClockListParams,
    ("GET", "/v1/test_helpers/test_clocks/{id}"): stripe.params.test_helpers.TestClockRetrieveParams,
    ("POST", "/v1/test_helpers/test_clocks/{id}/advance"): stripe.params.test_helpers.TestClockAdvanceParams,
}


def _arguments(annotation: Any) -> list[Any]:
    """Every type inside an annotation: through Optional, Union, List, NotRequired and quoted unions."""
    found, queue = [], [annotation]
    while queue:
        entry = queue.pop()
        found.append(entry)
        queue.extend(typing.get_args(entry))
    return found


def _nested_parameters(annotation: Any, module: Any) -> list[Any]:
    """The SDK's TypedDicts that a parameter's (partly quoted) annotation names."""
    named = [vars(module).get(name) for name in re.findall(r"\w+", str(annotation))]
    return [entry for entry in named if hasattr(entry, "__required_keys__")]


def _check_parameters(accepted: Fields, official: Any, at: str) -> None:
    known: dict[str, Any] = {}
    for entry in official if isinstance(official, list) else [official]:
        known.update(entry.__annotations__)
        module = importlib.import_module(entry.__module__)
    for name, parser in accepted.known.items():
        assert name in known, f"{at}[{name}] is not a parameter of Stripe's"
        inner = parser.of if isinstance(parser, Items) else parser
        if isinstance(inner, Fields):
            nested = _nested_parameters(known[name], module)
            assert nested, f"{at}[{name}] has no parameters in the SDK"
            _check_parameters(inner, nested, f"{at}[{name}]")


def _resource(name: str) -> type:
    module, qualified = OBJECT_CLASSES[name]
    found: type = getattr(importlib.import_module(module), qualified)
    return found


def _class_inside(annotation: Any) -> type | None:
    for entry in _arguments(annotation):
        if isinstance(entry, type) and issubclass(entry, StripeObject):
            return entry
    return None


def check_keys(served: Any, annotated: type | None, at: str) -> None:
    """Every key of `served` exists on the SDK's class for it, all the way down."""
    if isinstance(served, list):
        for index, entry in enumerate(served):
            check_keys(entry, annotated, f"{at}[{index}]")
        return
    if not isinstance(served, dict):
        return
    if isinstance(served.get("object"), str):
        annotated = _resource(served["object"])
    if annotated is None or issubclass(annotated, UntypedStripeObject):
        return
    annotations: dict[str, Any] = {}
    for base in reversed(annotated.__mro__):
        annotations.update(getattr(base, "__annotations__", {}))
    if annotated is stripe.ListObject:
        annotations["object"] = str  # the SDK keeps it as OBJECT_NAME only
    for name, value in served.items():
        assert name in annotations, f"{at}.{name} is not a member of {annotated.__qualname__}"
        check_keys(value, _class_inside(annotations[name]), f"{at}.{name}")


@pytest.fixture(scope="module")
async def sandbox() -> typing.AsyncIterator[RunningSandbox]:
    async with running_sandbox() as running:
        yield running


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_accepted_parameter_is_one_of_stripes(endpoint: Any) -> None:
    _check_parameters(endpoint.parameters, PARAMETERS[endpoint.method, endpoint.path], endpoint.path)


def test_an_invented_parameter_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="colour"):
        _check_parameters(Fields({"colour": ENDPOINTS[0].parameters}), stripe.params.CustomerCreateParams, "")
    nested = Fields({"line_items": Items(Fields({"colour": ENDPOINTS[0].parameters}))})
    with pytest.raises(AssertionError, match="colour"):
        _check_parameters(nested, stripe.params.checkout.SessionCreateParams, "")


def test_an_invented_key_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="current_period_end"):
        check_keys({"object": "subscription", "current_period_end": 1}, None, "")
    with pytest.raises(AssertionError, match="subscription_id"):
        check_keys({"object": "invoice", "parent": {"subscription_details": {"subscription_id": "sub_1"}}}, None, "")


async def _everything(sandbox: RunningSandbox) -> list[str]:
    """A life that produces every kind of object; returns paths that serve them all."""
    v1 = sandbox.stripe.v1
    customer = await v1.customers.create_async({"email": "ada@example.com", "address": {"country": "EE"}})
    session = await subscription_session(sandbox, customer=customer.id)
    await sandbox.pay(session.id, "decline")
    await sandbox.pay(session.id, "3ds_fail")
    await sandbox.pay(session.id, "3ds")
    once = await v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "invoice_creation": {"enabled": True},
            "line_items": [
                {
                    "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Domain"}},
                    "quantity": 1,
                }
            ],
            "success_url": "http://shop.test/done",
        }
    )
    await sandbox.pay(once.id)
    paid = await v1.checkout.sessions.retrieve_async(session.id)
    assert isinstance(paid.subscription, str)
    await sandbox.control.post(f"/_sandbox/subscriptions/{paid.subscription}/renew", json={"outcome": "decline"})
    charges = await v1.charges.list_async({"customer": customer.id})
    settled = next(charge for charge in charges.data if charge.paid)
    await v1.refunds.create_async({"charge": settled.id, "amount": 100})
    await v1.subscriptions.update_async(paid.subscription, {"cancel_at_period_end": True})
    await v1.subscriptions.cancel_async(paid.subscription)
    kinds = ("customers", "products", "prices", "invoices", "invoice_payments", "payment_intents", "charges", "refunds")
    return [
        *(f"/v1/{kind}?limit=100" for kind in kinds),
        "/v1/subscriptions?status=all",
        "/v1/events?limit=100",
        "/v1/checkout/sessions?limit=100&expand[]=data.line_items&expand[]=data.invoice.payments",
        f"/v1/checkout/sessions/{session.id}/line_items",
        f"/v1/checkout/sessions/{session.id}?expand[]=subscription.latest_invoice.payments",
        f"/v1/charges/{settled.id}?expand[]=refunds&expand[]=payment_intent&expand[]=customer",
        f"/v1/payment_methods/{settled.payment_method}",
    ]


async def test_every_served_key_exists_on_the_sdks_resource(sandbox: RunningSandbox) -> None:
    served = 0
    for path in await _everything(sandbox):
        answer = await sandbox.control.get(path)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        if body["object"] != "list":
            body = {"object": "list", "data": [body]}
        for obj in body["data"]:
            check_keys(obj, None, obj["object"])
            if obj["object"] == "event":
                check_keys(obj["data"]["object"], None, obj["type"])
            served += 1
    assert served > 60


async def test_every_event_type_is_one_stripe_sends(sandbox: RunningSandbox) -> None:
    official = typing.get_args(stripe.Event.__annotations__["type"])
    await _everything(sandbox)
    for event in (await sandbox.stripe.v1.events.list_async({"limit": 100})).data:
        assert event.type in official
        assert event.api_version == "2026-10-28.endive"


async def test_period_and_payment_live_where_this_api_version_puts_them(sandbox: RunningSandbox) -> None:
    session = await subscription_session(sandbox)
    await sandbox.pay(session.id)
    raw = (
        await sandbox.control.get(f"/v1/checkout/sessions/{session.id}?expand[]=subscription&expand[]=invoice")
    ).json()
    subscription, invoice = raw["subscription"], raw["invoice"]
    assert "current_period_end" not in subscription
    assert subscription["items"]["data"][0]["current_period_end"] > subscription["created"]
    assert invoice.keys().isdisjoint({"subscription", "payment_intent", "charge", "paid", "payments"})
    details = invoice["parent"]["subscription_details"]
    assert details["subscription"] == subscription["id"]
    assert raw["metadata"] == subscription["metadata"] == details["metadata"] == {"order_id": "ord_1"}
