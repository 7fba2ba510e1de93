"""POST /webhooks/stripe: read a bounded body, check its signature, store it, answer. Nothing else happens here.

A bare ASGI app led past all middleware, because this is the hottest path and the raw bytes are what was signed. What
is stored is logged by the flush, a line for many; what is refused is logged here. Neither the body nor the signature
ever is.
"""

import asyncio
import json
import re
import time
from typing import Any

import orjson
import structlog
from prometheus_client import Counter
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.billing.adapters.event_shape import MalformedEvent, event_of
from services.billing.adapters.intake import IncomingEvent, Intake, NotStorable, StoreAway
from services.billing.adapters.payments import InvalidSignature, WebhookVerifier
from services.billing.domain.base import SCHEMA
from shared.telemetry import metrics
from shared.telemetry.tracing import traceparent
from shared.web.context import RequestContext, header
from shared.web.problems import problem, unexpected

log = structlog.get_logger()

PATH = "/webhooks/stripe"
LARGEST_BODY = 1024 * 1024
BODY_TIMEOUT = 10.0
_CLOSE = {"Connection": "close"}  # after an unread body the connection cannot be used again
_REFUSAL_HEADERS = {408: _CLOSE, 413: _CLOSE, 415: _CLOSE, 503: {"Retry-After": "1"}}
# Stripe reads the status alone, and a body would be one more packet on the way.
_ACKNOWLEDGED = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_NOTHING_MORE = {"type": "http.response.body"}
_EVENT_IDS = re.compile(rb'"id"\s*:\s*"evt_')

_deliveries = Counter(
    "ez_stripe_deliveries_total", "Webhook deliveries, by what became of them.", ["outcome"], registry=metrics.registry
)

# Looked up once: a metric's label costs as much as everything else about it.
_stored = _deliveries.labels("stored")
_answered = metrics.http_requests.labels(SCHEMA, "POST", "200")
_seconds = metrics.http_seconds.labels(SCHEMA, PATH)


class _Refused(Exception):
    """The delivery is not accepted; `slug` names why for machines and metrics."""

    def __init__(self, status: int, slug: str, title: str, detail: str) -> None:
        super().__init__(slug)
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Says so (an ASGI app)."""
        _deliveries.labels(self.slug).inc()
        log.warning("delivery_refused", reason=self.slug)
        answer = problem(self.status, self.slug, self.title, self.detail, headers=_REFUSAL_HEADERS.get(self.status))
        await answer(scope, receive, send)


class _Disconnected(Exception):
    """The sender closed the connection before the body was complete."""


class StripeWebhook:
    """The ASGI app behind the route. `timeout` is how many seconds a sender has for its whole body."""

    path = PATH

    def __init__(
        self, intake: Intake, verifier: WebhookVerifier, *, livemode: bool, timeout: float = BODY_TIMEOUT
    ) -> None:
        self._intake = intake
        self._verifier = verifier
        self._livemode = livemode
        self._timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one delivery."""
        began = time.perf_counter()
        try:
            body = await self._body(scope, receive)
            await self._store(self._event(scope, body))
        except _Disconnected:
            _deliveries.labels("disconnected").inc()
        except Exception as error:  # noqa: BLE001 - nobody above answers for it
            scope["route"] = self  # names the route in metrics and the access line
            answer = error.answer if isinstance(error, _Refused) else unexpected(error)
            await RequestContext(answer, SCHEMA)(scope, receive, send)
        else:
            await send(_ACKNOWLEDGED)
            await send(_NOTHING_MORE)
            _stored.inc()
            _answered.inc()
            _seconds.observe(time.perf_counter() - began)

    async def _store(self, event: IncomingEvent) -> None:
        try:
            await self._intake.store(event)
        except NotStorable:
            detail = "A value in it fits no column."
            raise _Refused(400, "not-storable", "The event cannot be stored", detail) from None
        except StoreAway:
            detail = "The event was not stored. Deliver it again."
            raise _Refused(503, "unavailable", "Temporarily unavailable", detail) from None

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        encoding = header(scope, b"content-encoding")
        if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
            raise _Refused(415, "unsupported-media-type", "Encoded bodies are not accepted", "Send the body as signed.")
        declared = header(scope, b"content-length")
        if declared is not None and declared.isdigit() and (len(declared) > 12 or int(declared) > LARGEST_BODY):
            raise _too_large()
        try:
            async with asyncio.timeout(self._timeout):
                return await _read(receive)
        except TimeoutError:
            raise _Refused(408, "timeout", "The body took too long", "Send the whole body at once.") from None

    def _event(self, scope: Scope, body: bytes) -> IncomingEvent:
        try:
            self._verifier.verify(body, header(scope, b"stripe-signature"))
        except InvalidSignature:
            raise _Refused(
                400,
                "invalid-signature",
                "The signature is not valid",
                "Only Stripe's own recent deliveries are accepted.",
            ) from None
        event = read_event(body, header(scope, b"traceparent"))
        if event.livemode != self._livemode:
            log.error("delivery_of_other_mode", event_id=event.id, livemode=event.livemode)
            raise _Refused(400, "livemode-mismatch", "The event is of the other mode", "Live and test do not mix here.")
        return event


def _too_large() -> _Refused:
    return _Refused(413, "body-too-large", "The body is too large", f"At most {LARGEST_BODY} bytes are accepted.")


def _malformed(detail: str) -> _Refused:
    return _Refused(400, "malformed-event", "The body is not an event", detail)


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            raise _too_large()
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def read_event(body: bytes, trace: bytes | None = None) -> IncomingEvent:
    """The few fields an event is stored by, in the trace it came with or a new one.

    Raises _Refused (400) for anything that is not an event.
    """
    try:
        raw, payload = orjson.loads(body), body.decode()
    except (orjson.JSONDecodeError, UnicodeDecodeError):  # also for nesting beyond orjson's limit
        raise _malformed("It is not one JSON object in UTF-8.") from None
    # The id decides what is a repeat, so there must be no two readings of it.
    if body.count(b'"evt_') > 1 and len(_EVENT_IDS.findall(body)) > 1 and _has_duplicate_keys(payload):
        raise _malformed("A key appears twice.")
    try:
        return event_of(raw, payload, traceparent(trace.decode("latin-1") if trace else None))
    except MalformedEvent as error:
        raise _malformed(str(error)) from None


def _has_duplicate_keys(payload: str) -> bool:
    """Whether any object in it names a key twice; slow, so only for what looks odd."""

    def refuse(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _value in pairs}) != len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)

    try:
        json.loads(payload, object_pairs_hook=refuse)
    except (ValueError, RecursionError):
        return True
    return False


def webhook_route(webhook: StripeWebhook) -> Route:
    """The route, to be answered ahead of all middleware: the limits are the webhook's own."""
    return Route(PATH, webhook, methods=["POST"], name="stripe_webhook")
