"""The control API under /_sandbox: what a test, a chaos run or a demo may do that Stripe's API does not offer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.stripe import renewals
from sandbox.stripe.api import authenticate, read_body
from sandbox.stripe.cards import AUTHENTICATES, CARDS, DECLINES, SUCCEEDS
from sandbox.stripe.control_input import Invalid, Reader, read_faults, read_mutation
from sandbox.stripe.delivery import Dispatcher
from sandbox.stripe.errors import StripeError
from sandbox.stripe.payment import Outcome, answer_challenge, pay
from sandbox.stripe.work import Sandbox

_CARD_OF_OUTCOME = {"success": SUCCEEDS, "decline": DECLINES, "3ds": AUTHENTICATES, "3ds_fail": AUTHENTICATES}
_Handler = Callable[[Request, Reader], Awaitable[dict[str, Any]]]


def _problem(status: int, title: str, detail: str) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Response(orjson.dumps(body), status, media_type="application/problem+json")


class Control:
    """Handlers of the control API; `routes()` lists them."""

    def __init__(self, sandbox: Sandbox, dispatcher: Dispatcher) -> None:
        self._sandbox = sandbox
        self._dispatcher = dispatcher

    def routes(self) -> list[Route]:
        """Everything served under /_sandbox."""
        return [
            self._route("POST", "/_sandbox/checkout/{session_id}/pay", self.pay),
            self._route("POST", "/_sandbox/subscriptions/{subscription_id}/renew", self.renew),
            self._route("POST", "/_sandbox/events/{event_id}/resend", self.resend),
            self._route("GET", "/_sandbox/faults", self.show_faults),
            self._route("POST", "/_sandbox/faults", self.set_faults),
            self._route("GET", "/_sandbox/deliveries", self.deliveries),
            self._route("POST", "/_sandbox/clock", self.advance_clock),
            self._route("POST", "/_sandbox/reset", self.reset),
        ]

    def _route(self, method: str, path: str, handler: _Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                authenticate(request, self._sandbox.settings.api_key)
                reader = Reader.of(await read_body(request))
                answer = await handler(request, reader)
            except Invalid as error:
                return _problem(422, "Invalid input", str(error))
            except StripeError as error:
                return _problem(error.status, "Refused", str(error))
            return Response(orjson.dumps(answer), media_type="application/json")

        return Route(path, endpoint, methods=[method])

    async def pay(self, request: Request, given: Reader) -> dict[str, Any]:
        """Pays without a browser. `outcome`: success, decline, 3ds (authenticated) or 3ds_fail; or `card`, a test
        card's number. `charge` charges another `amount`, `currency` or `customer` than the page says."""
        session_id = request.path_params["session_id"]
        outcome = given.choice("outcome", tuple(_CARD_OF_OUTCOME), "success")
        number = given.choice("card", tuple(CARDS), _CARD_OF_OUTCOME[outcome])
        email = given.text("email", "payer@example.test")
        charges = given.members("charge") if "charge" in given else []
        mutation = read_mutation(charges[0]) if charges else None
        given.done()
        with self._sandbox.work() as work:
            result = pay(work, session_id, CARDS[number], email, mutation)
            if result is Outcome.CHALLENGED:
                result = answer_challenge(work, session_id, passed=outcome != "3ds_fail")
            session = work.require("checkout.session", session_id)
        return {
            "outcome": result.value,
            "session": session_id,
            "status": session["status"],
            "payment_status": session["payment_status"],
        }

    async def renew(self, request: Request, given: Reader) -> dict[str, Any]:
        """Starts the next period now. `outcome`: success, decline, or card (as the stored test card decides)."""
        outcome = given.choice("outcome", ("card", "success", "decline"), "card")
        given.done()
        with self._sandbox.work() as work:
            subscription = work.require("subscription", request.path_params["subscription_id"])
            if subscription["status"] not in {"active", "past_due"}:
                raise Invalid(f"a subscription that is {subscription['status']} does not renew")
            invoice = renewals.renew(work, subscription, declined={"success": False, "decline": True}.get(outcome))
        return {"invoice": invoice["id"], "invoice_status": invoice["status"]}

    async def resend(self, request: Request, given: Reader) -> dict[str, Any]:
        """Delivers an event again: `times`, `concurrent`, or as a forgery with `forge`."""
        times = given.integer("times", 1, 1, 500)
        concurrent = given.boolean("concurrent", default=False)
        forgery = given.forgery("forge")
        given.done()
        event_id = request.path_params["event_id"]
        row = self._sandbox.store.connection.execute(
            "SELECT payload FROM deliveries WHERE event_id = ?", (event_id,)
        ).fetchone()
        if row is None:
            raise StripeError(f"No such event with a delivery: '{event_id}'", status=404)
        if forgery is not None:
            sends = [self._dispatcher.forge(event_id, row["payload"], forgery) for _ in range(times)]
            attempts = list(await asyncio.gather(*sends)) if concurrent else [await send for send in sends]
        else:
            attempts = await self._dispatcher.resend(event_id, row["payload"], times=times, concurrent=concurrent)
        return {"attempts": [asdict(attempt) for attempt in attempts]}

    async def show_faults(self, _request: Request, _given: Reader) -> dict[str, Any]:
        """The current plan."""
        return self._sandbox.faults.describe()

    async def set_faults(self, _request: Request, given: Reader) -> dict[str, Any]:
        """Replaces the parts that are given: `api`, `webhooks`, `next_checkout`."""
        read_faults(given, self._sandbox.faults)
        self._sandbox.on_commit()
        return self._sandbox.faults.describe()

    async def deliveries(self, request: Request, _given: Reader) -> dict[str, Any]:
        """Every event's delivery, newest first, with each attempt; `?state=` and `?type=` narrow the list."""
        wanted = request.query_params
        rows = self._sandbox.store.connection.execute(
            "SELECT d.*, json_extract(o.body, '$.type') AS type FROM deliveries d "
            "JOIN objects o ON o.kind = 'event' AND o.id = d.event_id "
            "WHERE (?1 IS NULL OR d.state = ?1) AND (?2 IS NULL OR json_extract(o.body, '$.type') = ?2) "
            "ORDER BY d.rowid DESC LIMIT 10000",
            (wanted.get("state"), wanted.get("type")),
        ).fetchall()
        return {"data": [{**self._delivery(dict(row)), "log": self._log(row["event_id"])} for row in rows]}

    @staticmethod
    def _delivery(row: dict[str, Any]) -> dict[str, Any]:
        names = ("event_id", "type", "state", "attempts", "due_at", "last_status", "last_error")
        return {name: row[name] for name in names}

    def _log(self, event_id: str) -> list[dict[str, Any]]:
        rows = self._sandbox.store.connection.execute(
            "SELECT kind, sent_at, duration_ms, status, error FROM delivery_attempts WHERE event_id = ? ORDER BY seq",
            (event_id,),
        )
        return [dict(row) for row in rows]

    async def advance_clock(self, _request: Request, given: Reader) -> dict[str, Any]:
        """Moves the sandbox's time forward by `advance_seconds`: sessions expire, subscriptions renew."""
        seconds = given.integer("advance_seconds", 0, 0, 10 * 366 * 24 * 3600)
        given.done()
        self._sandbox.advance_clock(seconds)
        self._sandbox.on_commit()
        return {"now": self._sandbox.now(), "offset_seconds": self._sandbox.offset_seconds}

    async def reset(self, _request: Request, given: Reader) -> dict[str, Any]:
        """Forgets every object, event, key, delivery and fault."""
        given.done()
        self._sandbox.faults.reset()
        with self._sandbox.store.transaction():
            self._sandbox.store.clear()
        return {"reset": True}
