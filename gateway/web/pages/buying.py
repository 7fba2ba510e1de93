"""Configure and buy: from a plan to Stripe Checkout in one form, the same for guests and members."""

import hashlib
import re
import uuid
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from gateway.web.choices import KEYS, PREFIX, Choices, was_filled
from gateway.web.forms import NO_ERRORS, Form, FormErrors, form_errors
from gateway.web.pages.plans import DEFAULT_CURRENCY, DEFAULT_INTERVAL, chosen, currencies
from gateway.web.pages.route import PUBLIC, get, post
from gateway.web.safe_next import safe_next, with_next
from gateway.web.ssh import PRIVATE_KEY
from gateway.web.upstream import Answer, UpstreamAway
from gateway.web.visit import Visit
from shared.contracts.reads.catalog import AdviceView, CheckoutView, OrderView, PlanView, QuoteView
from shared.contracts.reads.identity import SshKeyList, SshKeyView

_REFUSED = frozenset({400, 409, 422, 429})
_MINTED_KEY = re.compile(r"[0-9a-f]{32}")
_TOO_LONG = "These are more keys than can be kept until you are signed in. Sign in first, and add them then."


@dataclass(frozen=True, slots=True)
class Priced:
    """What the catalogue says to some choices: their price, or what is wrong with them. Neither while it is away."""

    quote: QuoteView | None = None
    errors: FormErrors = NO_ERRORS
    status: int = 200


async def configure(visit: Visit) -> Response:
    plan, given = await _open_plan(visit), visit.query
    choices = _choices(plan, given)
    priced = await _price(visit, plan, choices)
    if not was_filled(given):
        priced = Priced(priced.quote)  # nobody has done anything wrong yet
    return await _form(visit, plan, choices, priced, 200)


async def quote(visit: Visit) -> Response:
    """The total for what is chosen: the summary alone for a script, the whole page without one."""
    plan = await _open_plan(visit)
    choices = _choices(plan, visit.form)
    priced = await _price(visit, plan, choices)
    if visit.is_fragment:
        shown = choices.without(choices.private_keys())
        return visit.render(
            "buying/_quoted.html",
            plan=plan,
            choices=shown,
            quote=priced.quote,
            digest=digest,
            mark=mark,
            next=shown.address(),
        )
    return await _form(visit, plan, choices, priced, priced.status)


async def buy(visit: Visit) -> Response:
    plan = await _open_plan(visit)
    choices = _choices(plan, visit.form)
    body = choices.order()
    # A member who was shown the price of exactly this is not quoted again: the order is checked as the quote was.
    known = visit.visitor is not None and visit.form.get("priced") == mark(body) and not choices.private_keys()
    priced = Priced() if known else await _price(visit, plan, choices)
    if priced.errors:
        return await _form(visit, plan, choices, priced, priced.status)
    if priced.quote and priced.quote.warnings and visit.form.get("seen") != digest(priced.quote.warnings):
        return await _form(visit, plan, choices, priced, 409)
    if visit.visitor is None:
        if safe_next(choices.address()) is None:
            return await _form(visit, plan, choices, Priced(priced.quote, FormErrors(notice=_TOO_LONG)), 422)
        return visit.redirect(with_next("/sign-in", choices.address()), "almost-there")
    if not visit.may("orders.place"):
        raise HTTPException(403)
    answer = await visit.call(
        "catalog", "POST", "/api/v1/orders", json=body, headers={"Idempotency-Key": _key(visit.form, body)}
    )
    if answer.status in _REFUSED:
        return await _form(visit, plan, choices, Priced(priced.quote, _errors(plan, answer)), answer.status)
    order = visit.require("catalog", answer).parse(OrderView)
    return await to_checkout(visit, order.id)


async def to_checkout(visit: Visit, order_id: str) -> Response:
    """On to Stripe Checkout, or to the order's page, which offers the payment again."""
    order_page = f"/orders/{order_id}"
    try:
        answer = await visit.call("catalog", "POST", f"/api/v1/orders/{order_id}/checkout")
    except UpstreamAway:
        return visit.redirect(order_page, "checkout-away")
    if answer.status == 409:
        return visit.redirect(order_page, "not-payable")
    if not answer.ok:
        return visit.redirect(order_page, "checkout-away")
    url = answer.parse(CheckoutView).url
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" != visit.site.settings.checkout_origin:
        # Never lead a customer with a card in hand to a place nobody configured.
        return visit.redirect(order_page, "checkout-away")
    return RedirectResponse(url, status_code=303)


async def _open_plan(visit: Visit) -> PlanView:
    plan = await visit.read("catalog", f"/api/v1/plans/{visit.path('plan_code')}", PlanView)
    if plan.availability != "open":
        raise HTTPException(404)
    return plan


def _choices(plan: PlanView, given: Form) -> Choices:
    currency = chosen(given.line("currency").upper(), currencies([plan]), DEFAULT_CURRENCY)
    return Choices.read(plan, given, currency, chosen(given.line("interval"), plan.intervals, DEFAULT_INTERVAL))


async def _price(visit: Visit, plan: PlanView, choices: Choices) -> Priced:
    private = choices.private_keys()
    if private:
        return Priced(None, FormErrors({PREFIX + key: PRIVATE_KEY for key in private}), 422)
    try:
        answer = await visit.call("catalog", "POST", "/api/v1/quotes", json=choices.order())
    except UpstreamAway:
        return Priced()
    if answer.ok:
        return Priced(answer.parse(QuoteView))
    return Priced(None, _errors(plan, answer), answer.status) if answer.status in _REFUSED else Priced()


def _errors(plan: PlanView, answer: Answer) -> FormErrors:
    # The currency is no field a visitor fills in, so what is wrong with it goes above the form.
    names = {field.key: PREFIX + field.key for field in plan.fields} | {"plan": "interval"}
    return form_errors(answer, frozenset({*names.values(), "quantity"}), names)


async def _form(visit: Visit, plan: PlanView, choices: Choices, priced: Priced, status: int) -> Response:
    choices = choices.without(choices.private_keys())
    offered = currencies([plan])
    return visit.render(
        "buying/configure.html",
        status,
        plan=plan,
        choices=choices,
        quote=priced.quote,
        errors=priced.errors,
        digest=digest,
        mark=mark,
        asks=status == 409 and not priced.errors,
        saved_keys=await _saved_keys(visit, plan),
        currencies=offered,
        in_currency={code: replace(choices, currency=code).address() for code in offered},
        idempotency_key=_again(visit.form) or uuid.uuid4().hex,
        next=choices.address(),
    )


async def _saved_keys(visit: Visit, plan: PlanView) -> list[SshKeyView]:
    if not visit.may("keys.read") or all(field.kind != KEYS for field in plan.fields):
        return []
    found = await visit.read_or_none("identity", "/api/v1/ssh-keys", SshKeyList)
    return found.data if found else []


def digest(warnings: list[AdviceView]) -> str:
    """Names these warnings, so that going on means having seen them and no others."""
    return hashlib.sha256("\n".join(one.detail for one in warnings).encode()).hexdigest()[:16]


def mark(body: object) -> str:
    """Names the content of an order, so that it can be told whether it is the one whose price was shown."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _again(form: Form) -> str | None:
    minted = form.get("idempotency_key", "")
    return minted if _MINTED_KEY.fullmatch(minted) else None


def _key(form: Form, body: object) -> str:
    """One key per rendered form and content: eight clicks are one order, an edited form is another."""
    minted = _again(form)
    if minted is None:
        raise HTTPException(400)
    return f"{minted}-{mark(body)}"


ROUTES = (
    get("/buy/{plan_code}", configure, PUBLIC),
    post("/buy/{plan_code}", buy, PUBLIC),
    post("/buy/{plan_code}/quote", quote, PUBLIC),
)
