"""/_sandbox: faults, outages and the true list of machines, for tests and for people. Guarded by the API token."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.hypervisor import cloudinit
from sandbox.hypervisor.access import Access
from sandbox.hypervisor.api import refusal
from sandbox.hypervisor.faults import Fault, FaultKind, Faults
from sandbox.hypervisor.hypervisor import Hypervisor
from sandbox.hypervisor.models import Machine, PveError

MAX_BODY_BYTES = 64 * 1024


class FaultOrder(BaseModel):
    """A fault to inject; the kinds are those of `Fault`, and two that change the simulated node itself:
    `task_error` makes the next tasks end with `message`, `listing_lag` hides new machines from lists for `seconds`.
    """

    model_config = ConfigDict(extra="forbid")

    kind: FaultKind | Literal["task_error", "listing_lag"]
    count: int = Field(default=1, ge=1, le=100_000)
    status: int = Field(default=500, ge=400, le=599)
    message: str = Field(default="injected fault", pattern=r"^[ -!#-\[\]-~]{1,200}$")
    retry_after: int | None = Field(default=None, ge=0)
    seconds: float = Field(default=0.0, ge=0, le=600)
    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None
    path: str = Field(default="", max_length=200)

    @field_validator("path")
    @classmethod
    def _is_an_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as problem:
            raise ValueError(f"not a regular expression: {problem}") from problem
        return value


class OutageOrder(BaseModel):
    """Whether the API is away: every call is answered 503 and nothing is done."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["on", "off"]


class SignIn(BaseModel):
    """A login at a machine, with a public key whose other half they hold, or with a password."""

    model_config = ConfigDict(extra="forbid")

    vmid: int
    user: str = Field(max_length=64)
    key: str = Field(default="", max_length=10_000)
    password: str = Field(default="", max_length=200)


class Control:
    """The endpoints, over one hypervisor and its faults."""

    def __init__(self, hypervisor: Hypervisor, access: Access, faults: Faults) -> None:
        self._hypervisor = hypervisor
        self._access = access
        self._faults = faults

    def routes(self) -> list[Route]:
        return [
            Route("/_sandbox/faults", self._guarded(self.inject), methods=["POST"]),
            Route("/_sandbox/faults", self._guarded(self.waiting), methods=["GET"]),
            Route("/_sandbox/faults", self._guarded(self.heal), methods=["DELETE"]),
            Route("/_sandbox/outage", self._guarded(self.outage), methods=["POST"]),
            Route("/_sandbox/machines", self._guarded(self.machines), methods=["GET"]),
            Route("/_sandbox/sign-in", self._guarded(self.sign_in), methods=["POST"]),
            Route("/_sandbox/reset", self._guarded(self.reset), methods=["POST"]),
        ]

    def _guarded(self, handler: Callable[[Request], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                self._access.caller(request)
                return JSONResponse({"data": await handler(request)})
            except PveError as problem:
                return refusal(problem)
            except ValidationError as problem:
                errors = {".".join(map(str, error["loc"])): error["msg"] for error in problem.errors()}
                return refusal(PveError(400, "Parameter verification failed.", errors))

        return endpoint

    async def inject(self, request: Request) -> object:
        order = FaultOrder.model_validate(await _body(request))
        if order.kind == "listing_lag":
            self._faults.listing_lag = order.seconds
        elif order.kind == "task_error":
            self._hypervisor.fail_next_tasks(order.message, order.count)
        else:
            self._faults.waiting.append(Fault(**order.model_dump()))
        return order.model_dump()

    async def waiting(self, request: Request) -> object:
        return {
            "faults": [asdict(fault) for fault in self._faults.waiting],
            "outage": self._faults.outage,
            "listing_lag": self._faults.listing_lag,
        }

    async def heal(self, request: Request) -> object:
        self._faults.clear()
        return None

    async def outage(self, request: Request) -> object:
        order = OutageOrder.model_validate(await _body(request))
        self._faults.outage = order.state == "on"
        return order.model_dump()

    async def machines(self, request: Request) -> object:
        self._hypervisor.advance()
        return [self._truth(machine) for machine in self._hypervisor.store.machines.values()]

    async def sign_in(self, request: Request) -> object:
        """Whether a running machine would let somebody in who holds this key or knows this password."""
        order = SignIn.model_validate(await _body(request))
        machine = self._hypervisor.machine(order.vmid)
        awake = machine.status == "running" and machine.guest is not None
        guest = machine.guest or {}
        return {"entered": awake and cloudinit.lets_in(guest, order.user, key=order.key, password=order.password)}

    async def reset(self, request: Request) -> object:
        self._faults.clear()
        self._hypervisor.reset()
        return None

    def _truth(self, machine: Machine) -> dict[str, object]:
        address = self._hypervisor.address(machine)
        return {
            "vmid": machine.vmid,
            "node": self._hypervisor.node,
            "name": machine.config.get("name"),
            "description": machine.config.get("description"),
            "tags": machine.config.get("tags"),
            "status": machine.status,
            "lock": machine.lock,
            "template": machine.is_template,
            "cores": machine.cores,
            "memory_mb": machine.memory_bytes // 2**20,
            "disk_bytes": machine.disk_bytes,
            "ipv4": address[0] if address else None,
            "created_at": machine.created_at,
            "onboot": machine.config.get("onboot", 0),
            "protection": machine.config.get("protection", 0),
        }


async def _body(request: Request) -> object:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise PveError(413, "the request body is limited to 64 KiB")
    try:
        return json.loads(body)
    except ValueError as problem:
        raise PveError(400, "the body is not JSON") from problem
