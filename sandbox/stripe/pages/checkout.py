"""The hosted Checkout page: lines and total, test cards, 3-D Secure, and the ways out."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from sandbox.stripe import form
from sandbox.stripe.api import read_body
from sandbox.stripe.cards import CARDS, SUCCEEDS
from sandbox.stripe.errors import StripeError
from sandbox.stripe.pages.rendering import headers, page, sandbox_of
from sandbox.stripe.parameters import Email
from sandbox.stripe.payment import Outcome, answer_challenge, pay
from sandbox.stripe.resources import checkout_sessions
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Work

_MAX_BODY = 10_000


def _not_found() -> Response:
    return page("closed.html", {"state": "unknown", "session": None, "leave_url": None}, status=404)


def _targets(session: JsonObject) -> tuple[str, ...]:
    return tuple(url for url in (session["success_url"], session["cancel_url"]) if url)


def _closed(session: JsonObject) -> Response:
    paid = session["status"] == "complete"
    leave = checkout_sessions.success_url(session) if paid else session["cancel_url"]
    return page("closed.html", {"state": "paid" if paid else "expired", "session": session, "leave_url": leave})


def _load(work: Work, session_id: str) -> JsonObject | None:
    session = work.store.get("checkout.session", session_id)
    return None if session is None else checkout_sessions.refreshed(work, session)


async def show(request: Request) -> Response:
    """GET /c/pay/{id}"""
    with sandbox_of(request).work() as work:
        session = _load(work, request.path_params["session_id"])
        if session is None:
            return _not_found()
        if session["status"] != "open":
            return _closed(session)
        return _form(work, session)


def _form(work: Work, session: JsonObject, invalid_email: str | None = None) -> Response:
    private = work.require("checkout_state", session["id"])
    customer = work.store.get("customer", session["customer"]) if session["customer"] else None
    known_email = (customer["email"] if customer else None) or session["customer_email"]
    recurring = next((line["price"]["recurring"] for line in private["lines"] if line["price"]["recurring"]), None)
    context = {
        "session": session,
        "lines": private["lines"],
        "recurring": recurring,
        "recurring_total": sum(
            line["amount_total"] for line in private["lines"] if line["price"]["recurring"] is not None
        ),
        "known_email": known_email,
        "email": known_email or invalid_email or private["email"] or "",
        "email_invalid": invalid_email is not None,
        "problem": private["problem"],
        "cards": list(CARDS.values()),
        "chosen": SUCCEEDS,
    }
    status = 422 if invalid_email is not None else 200
    return page("checkout.html", context, status=status, form_targets=_targets(session))


async def submit(request: Request) -> Response:
    """POST /c/pay/{id}: pays once, however often it is pressed."""
    session_id = request.path_params["session_id"]
    try:
        given = form.parse(await read_body(request, _MAX_BODY))
    except StripeError as error:
        return page("closed.html", {"state": "refused", "session": None, "leave_url": None}, status=error.status)
    with sandbox_of(request).work() as work:
        session = _load(work, session_id)
        if session is None:
            return _not_found()
        card = CARDS.get(str(given.get("card")))
        if session["status"] == "open" and card is None:
            return _form(work, session)
        email = str(given["email"]) if given.get("email") else None
        if email is not None and not _valid(email):
            return _form(work, session, invalid_email=email)
        outcome = pay(work, session_id, card or CARDS[SUCCEEDS], email)
        return _onwards(work.require("checkout.session", session_id), outcome)


def _valid(email: str) -> bool:
    try:
        Email().parse(email, "email")
    except StripeError:
        return False
    return True


def _onwards(session: JsonObject, outcome: Outcome) -> Response:
    path = f"/c/pay/{session['id']}"
    url = {
        Outcome.PAID: checkout_sessions.success_url(session),
        Outcome.ALREADY_PAID: checkout_sessions.success_url(session),
        Outcome.CHALLENGED: f"{path}/authenticate",
    }.get(outcome, path)
    return RedirectResponse(url, status_code=303, headers=headers(_targets(session)))


async def show_challenge(request: Request) -> Response:
    """GET /c/pay/{id}/authenticate: the bank's page."""
    session_id = request.path_params["session_id"]
    with sandbox_of(request).work() as work:
        session = _load(work, session_id)
        if session is None:
            return _not_found()
        challenge = work.require("checkout_state", session_id)["challenge"]
        if session["status"] != "open" or challenge is None:
            return RedirectResponse(f"/c/pay/{session_id}", status_code=303, headers=headers())
        context = {"session": session, "card": CARDS[challenge["card"]]}
        return page("challenge.html", context, form_targets=_targets(session))


async def answer(request: Request) -> Response:
    """POST /c/pay/{id}/authenticate: complete or fail."""
    session_id = request.path_params["session_id"]
    try:
        given = form.parse(await read_body(request, _MAX_BODY))
    except StripeError as error:
        return page("closed.html", {"state": "refused", "session": None, "leave_url": None}, status=error.status)
    with sandbox_of(request).work() as work:
        if _load(work, session_id) is None:
            return _not_found()
        outcome = answer_challenge(work, session_id, passed=given.get("result") == "complete")
        return _onwards(work.require("checkout.session", session_id), outcome)


ROUTES = [
    Route("/c/pay/{session_id}", show, methods=["GET"]),
    Route("/c/pay/{session_id}", submit, methods=["POST"]),
    Route("/c/pay/{session_id}/authenticate", show_challenge, methods=["GET"]),
    Route("/c/pay/{session_id}/authenticate", answer, methods=["POST"]),
]
