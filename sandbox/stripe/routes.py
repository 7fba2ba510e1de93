"""The table of API endpoints: what is served, what it accepts, who answers."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe.errors import unknown_route
from sandbox.stripe.parameters import Fields, only_expand
from sandbox.stripe.resources import (
    charges,
    checkout_parameters,
    checkout_sessions,
    customers,
    events,
    invoice_payment,
    invoice_payments,
    invoices,
    payment_intents,
    payment_methods,
    prices,
    products,
    refunds,
    subscription_changes,
    subscription_parameters,
    subscriptions,
    test_clocks,
)
from sandbox.stripe.store import JsonObject


@dataclass(frozen=True)
class Endpoint:
    """One method and path. `handler` takes (work, params, *ids of the path) and returns the response object."""

    method: str
    path: str
    handler: Callable[..., JsonObject]
    parameters: Fields


_RETRIEVE = only_expand()
_NOTHING = Fields({})

ENDPOINTS = (
    Endpoint("POST", "/v1/customers", customers.create, customers.CREATE),
    Endpoint("GET", "/v1/customers", customers.list_page, customers.LIST),
    Endpoint("GET", "/v1/customers/{id}", customers.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/customers/{id}", customers.update, customers.UPDATE),
    Endpoint("DELETE", "/v1/customers/{id}", customers.delete, _NOTHING),
    Endpoint("POST", "/v1/products", products.create, products.CREATE),
    Endpoint("GET", "/v1/products", products.list_page, products.LIST),
    Endpoint("GET", "/v1/products/{id}", products.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/products/{id}", products.update, products.UPDATE),
    Endpoint("POST", "/v1/prices", prices.create, prices.CREATE),
    Endpoint("GET", "/v1/prices", prices.list_page, prices.LIST),
    Endpoint("GET", "/v1/prices/{id}", prices.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/prices/{id}", prices.update, prices.UPDATE),
    Endpoint("POST", "/v1/checkout/sessions", checkout_sessions.create, checkout_parameters.CREATE),
    Endpoint("GET", "/v1/checkout/sessions", checkout_sessions.list_page, checkout_parameters.LIST),
    Endpoint("GET", "/v1/checkout/sessions/{id}", checkout_sessions.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/checkout/sessions/{id}", checkout_sessions.update, checkout_parameters.UPDATE),
    Endpoint("POST", "/v1/checkout/sessions/{id}/expire", checkout_sessions.expire, _RETRIEVE),
    Endpoint(
        "GET",
        "/v1/checkout/sessions/{id}/line_items",
        checkout_sessions.list_line_items,
        checkout_parameters.LINE_ITEMS,
    ),
    Endpoint("POST", "/v1/subscriptions", subscription_changes.create, subscription_parameters.CREATE),
    Endpoint("GET", "/v1/subscriptions", subscriptions.list_page, subscription_parameters.LIST),
    Endpoint("GET", "/v1/subscriptions/{id}", subscriptions.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/subscriptions/{id}", subscription_changes.update, subscription_parameters.UPDATE),
    Endpoint("DELETE", "/v1/subscriptions/{id}", subscriptions.cancel, subscription_parameters.CANCEL),
    Endpoint("GET", "/v1/invoices", invoices.list_page, invoices.LIST),
    Endpoint("GET", "/v1/invoices/{id}", invoices.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/invoices/{id}/pay", invoice_payment.pay, invoices.PAY),
    Endpoint("GET", "/v1/invoices/{id}/lines", invoices.list_lines, invoices.LINES),
    Endpoint("GET", "/v1/invoice_payments", invoice_payments.list_page, invoice_payments.LIST),
    Endpoint("GET", "/v1/invoice_payments/{id}", invoice_payments.retrieve, _RETRIEVE),
    Endpoint("GET", "/v1/payment_intents", payment_intents.list_page, payment_intents.LIST),
    Endpoint("GET", "/v1/payment_intents/{id}", payment_intents.retrieve, payment_intents.RETRIEVE),
    Endpoint("GET", "/v1/payment_methods/{id}", payment_methods.retrieve, _RETRIEVE),
    Endpoint("GET", "/v1/charges", charges.list_page, charges.LIST),
    Endpoint("GET", "/v1/charges/{id}", charges.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/refunds", refunds.create, refunds.CREATE),
    Endpoint("GET", "/v1/refunds", refunds.list_page, refunds.LIST),
    Endpoint("GET", "/v1/refunds/{id}", refunds.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/refunds/{id}", refunds.update, refunds.UPDATE),
    Endpoint("GET", "/v1/events", events.list_page, events.LIST),
    Endpoint("GET", "/v1/events/{id}", events.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/test_helpers/test_clocks", test_clocks.create, test_clocks.CREATE),
    Endpoint("GET", "/v1/test_helpers/test_clocks", test_clocks.list_page, test_clocks.LIST),
    Endpoint("GET", "/v1/test_helpers/test_clocks/{id}", test_clocks.retrieve, _RETRIEVE),
    Endpoint("POST", "/v1/test_helpers/test_clocks/{id}/advance", test_clocks.advance, test_clocks.ADVANCE),
)


def match(method: str, path: str) -> tuple[Endpoint, list[str]]:
    """The endpoint and the ids in the path. Raises Stripe's 404 for anything else."""
    parts = path.split("/")
    for endpoint in ENDPOINTS:
        pattern = endpoint.path.split("/")
        if endpoint.method != method or len(pattern) != len(parts):
            continue
        pairs = list(zip(pattern, parts, strict=True))
        if all((part and expected == "{id}") or part == expected for expected, part in pairs):
            return endpoint, [part for expected, part in pairs if expected == "{id}"]
    raise unknown_route(method, path)
