"""The way of one API request: authentication, version, faults, idempotency, parameters, handler, answer."""

import asyncio
import base64
import binascii
import hmac

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.stripe import form, idempotency
from sandbox.stripe.errors import StripeError
from sandbox.stripe.expand import expand
from sandbox.stripe.faults import ApiFault
from sandbox.stripe.idempotency import Answer
from sandbox.stripe.ids import new_id
from sandbox.stripe.routes import Endpoint, match
from sandbox.stripe.settings import API_VERSION
from sandbox.stripe.store import JsonObject
from sandbox.stripe.work import Cause, Sandbox, Work

_MAX_BODY = 1_000_000


class DroppedConnection(Response):
    """Starts an answer and breaks off: the client sees a dead connection and cannot know what happened."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


async def hang(request: Request, seconds: float) -> None:
    """Answers nothing until the client hangs up or the time is over."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def read_body(request: Request, limit: int = _MAX_BODY) -> bytes:
    """The raw body. Raises StripeError once it is larger than `limit` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise StripeError("Request body too large.", status=413)
    return bytes(body)


def authenticate(request: Request, api_key: str) -> None:
    """Bearer, or Basic with the key as user name. Raises Stripe's 401."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    presented = credentials.strip()
    if scheme.lower() == "basic":
        try:
            presented = base64.b64decode(presented, validate=True).decode("utf-8").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            presented = ""
    if scheme.lower() not in {"bearer", "basic"} or not presented:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not hmac.compare_digest(presented.encode(), api_key.encode()):
        raise StripeError(f"Invalid API Key provided: {presented[:8]}****", status=401)


class Api:
    """Answers everything under /v1."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._keys_in_progress: set[str] = set()

    async def __call__(self, request: Request) -> Response:
        """Starlette's endpoint."""
        request_id = new_id("request")
        fault: ApiFault | None = None
        try:
            authenticate(request, self._sandbox.settings.api_key)
            _check_version(request)
            endpoint, ids = match(request.method, request.url.path)
            encoded = await read_body(request)
            raw = form.parse(encoded if request.method == "POST" else request.scope["query_string"] or encoded)
            fault = self._sandbox.faults.take_api(request.method, request.url.path)
            if fault is not None and fault.kind == "drop_connection":
                return DroppedConnection()
            if fault is None or not fault.saved:
                _refuse(fault)
            answer = await self._execute(request, request_id, endpoint, ids, raw, fault)
        except StripeError as error:
            answer = Answer(error.status, orjson.dumps(error.body(), option=orjson.OPT_INDENT_2))
        if fault is not None and fault.kind in {"timeout_after_processing", "drop_after_processing"}:
            if fault.kind == "timeout_after_processing":
                await hang(request, fault.seconds)
            return DroppedConnection()
        return _response(request, answer, request_id)

    async def _execute(
        self,
        request: Request,
        request_id: str,
        endpoint: Endpoint,
        ids: list[str],
        raw: dict[str, form.Raw],
        fault: ApiFault | None,
    ) -> Answer:
        key = request.headers.get("idempotency-key") if endpoint.method == "POST" else None
        if key is None:
            await _delay(fault)
            with self._sandbox.work(Cause(request_id)) as work:
                body = _run(work, endpoint, ids, endpoint.parameters.parse(raw))
            return Answer(200, orjson.dumps(body, option=orjson.OPT_INDENT_2))
        idempotency.check_key(key)
        if key in self._keys_in_progress:
            raise idempotency.key_in_use(key)
        self._keys_in_progress.add(key)
        try:
            await _delay(fault)
            return self._execute_once(request.url.path, Cause(request_id, key), endpoint, ids, raw, fault)
        finally:
            self._keys_in_progress.discard(key)

    def _execute_once(
        self,
        path: str,
        cause: Cause,
        endpoint: Endpoint,
        ids: list[str],
        raw: dict[str, form.Raw],
        fault: ApiFault | None,
    ) -> Answer:
        key, request_id = str(cause.idempotency_key), str(cause.request_id)
        wanted, now = idempotency.fingerprint(raw), self._sandbox.now()
        stored = idempotency.recall(self._sandbox.store, key, path, wanted)
        if stored is not None:
            return stored
        params = endpoint.parameters.parse(raw)
        try:
            _refuse(fault if fault is not None and fault.saved else None)
            with self._sandbox.work(cause) as work:
                body = _run(work, endpoint, ids, params)
                return idempotency.remember(
                    work.store, key, path, wanted, status=200, body=body, request_id=request_id, now=now
                )
        except StripeError as error:
            # What the handler did is rolled back. A request that was wrong may be repeated under its key once it is
            # right; a declined card (402) is this key's answer from now on.
            if not _is_saved(error.status):
                raise
            with self._sandbox.work(cause) as work:
                return idempotency.remember(
                    work.store,
                    key,
                    path,
                    wanted,
                    status=error.status,
                    body=error.body(),
                    request_id=request_id,
                    now=now,
                )


def _is_saved(status: int) -> bool:
    return status == 402 or status >= 500


def _run(work: Work, endpoint: Endpoint, ids: list[str], params: dict[str, object]) -> JsonObject:
    paths = params.pop("expand", [])
    body = endpoint.handler(work, params, *ids)
    return expand(work, body, [str(path) for path in paths]) if isinstance(paths, list) else body


def _check_version(request: Request) -> None:
    version = request.headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise StripeError(f"Invalid Stripe API version: {version[:40]}. This sandbox speaks {API_VERSION}.")


def _refuse(fault: ApiFault | None) -> None:
    if fault is None:
        return
    if fault.kind == "rate_limit":
        raise StripeError("Request rate limit exceeded.", status=429, code="rate_limit")
    if fault.kind == "status":
        raise StripeError("An unknown error occurred.", status=fault.status, kind="api_error")


async def _delay(fault: ApiFault | None) -> None:
    if fault is not None and fault.kind == "delay":
        await asyncio.sleep(fault.seconds)


def _response(request: Request, answer: Answer, request_id: str) -> Response:
    headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION, "Cache-Control": "no-cache, no-store"}
    key = request.headers.get("idempotency-key")
    if key is not None and request.method == "POST":
        headers["Idempotency-Key"] = key
        headers["Original-Request"] = answer.replayed_from or request_id
    if answer.replayed_from is not None:
        headers["Idempotent-Replayed"] = "true"
    if answer.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="Stripe"'
    return Response(answer.body, answer.status, headers, media_type="application/json")
