"""The routes under /api2/json. Each answers {"data": …}; a refusal is {"data": null, "message": …, "errors"?: {…}}."""

import json
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.hypervisor import parameters, views
from sandbox.hypervisor.access import Access
from sandbox.hypervisor.faults import Faults
from sandbox.hypervisor.hypervisor import Hypervisor
from sandbox.hypervisor.models import ConfigValue, Machine, PveError

MAX_BODY_BYTES = 64 * 1024
_POWER_VERBS = frozenset({"start", "stop", "shutdown", "reboot", "reset", "suspend", "resume"})
Handler = Callable[[Request, str], Awaitable[object]]


def refusal(problem: PveError) -> JSONResponse:
    body: dict[str, object] = {"data": None, "message": f"{problem.message}\n"}
    if problem.errors:
        body["errors"] = problem.errors
    return JSONResponse(body, status_code=problem.status)


async def given_parameters(request: Request) -> dict[str, str]:
    """Query and body together; a body may be a form or JSON. Raises PveError 400 or 413."""
    given = dict(request.query_params)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise PveError(413, "for security reasons, the request body is limited to 64 KiB")
    try:
        if request.headers.get("content-type", "").startswith("application/json") and body:
            fields = json.loads(body)
            if not isinstance(fields, dict):
                raise PveError(400, "Invalid parameters: a JSON object is expected")
            return given | {str(key): _scalar(value) for key, value in fields.items()}
        return given | dict(parse_qsl(body.decode(), keep_blank_values=True))
    except ValueError as problem:
        raise PveError(400, "Invalid parameters: the body cannot be read") from problem


def _scalar(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


class Api:
    """The endpoints, over one hypervisor."""

    def __init__(self, hypervisor: Hypervisor, access: Access, faults: Faults) -> None:
        self._hypervisor = hypervisor
        self._access = access
        self._faults = faults

    def routes(self) -> list[Route]:
        node, machine = "/api2/json/nodes/{node}", "/api2/json/nodes/{node}/qemu/{vmid}"
        return [
            Route("/api2/json/access/ticket", self._open(self.login), methods=["POST"]),
            Route("/api2/json/version", self._guarded(self.version), methods=["GET"]),
            Route("/api2/json/nodes", self._guarded(self.nodes), methods=["GET"]),
            Route("/api2/json/cluster/nextid", self._guarded(self.next_id), methods=["GET"]),
            Route("/api2/json/cluster/resources", self._guarded(self.resources), methods=["GET"]),
            Route(f"{node}/qemu", self._guarded(self.machines), methods=["GET"]),
            Route(f"{node}/tasks/{{upid}}/status", self._guarded(self.task), methods=["GET"]),
            Route(f"{node}/tasks/{{upid}}/log", self._guarded(self.task_log), methods=["GET"]),
            Route(machine, self._guarded(self.destroy), methods=["DELETE"]),
            Route(f"{machine}/clone", self._guarded(self.clone), methods=["POST"]),
            Route(f"{machine}/config", self._guarded(self.config), methods=["GET"]),
            Route(f"{machine}/config", self._guarded(self.configure), methods=["PUT"]),
            Route(f"{machine}/config", self._guarded(self.configure_later), methods=["POST"]),
            Route(f"{machine}/resize", self._guarded(self.resize), methods=["PUT"]),
            Route(f"{machine}/status/current", self._guarded(self.status), methods=["GET"]),
            Route(f"{machine}/status/{{verb}}", self._guarded(self.power), methods=["POST"]),
            Route(f"{machine}/agent/network-get-interfaces", self._guarded(self.interfaces), methods=["GET"]),
        ]

    def _open(self, handler: Callable[[Request], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return JSONResponse({"data": await handler(request)})
            except PveError as problem:
                return refusal(problem)

        return endpoint

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> object:
            caller = self._access.caller(request)
            node = request.path_params.get("node", self._hypervisor.node)
            if node != self._hypervisor.node:
                raise PveError(500, f"hostname lookup '{node}' failed - failed to get address info for: {node}")
            return await handler(request, caller)

        return self._open(checked)

    async def login(self, request: Request) -> object:
        given = parameters.verify(await given_parameters(request), parameters.TICKET, ("username", "password"))
        return self._access.login(str(given["username"]), str(given["password"]))

    async def version(self, request: Request, caller: str) -> object:
        return {"version": "9.0.10", "release": "9.0", "repoid": "ez-sandbox"}

    async def nodes(self, request: Request, caller: str) -> object:
        return [views.node_row(self._hypervisor.node)]

    async def next_id(self, request: Request, caller: str) -> object:
        given = parameters.verify(await given_parameters(request), parameters.NEXT_ID)
        wanted = given.get("vmid")
        return str(self._hypervisor.next_id(int(wanted) if wanted is not None else None))

    async def resources(self, request: Request, caller: str) -> object:
        given = parameters.verify(await given_parameters(request), parameters.RESOURCES)
        now = self._hypervisor.now()
        rows = [views.resource_row(machine, self._hypervisor.node, now) for machine in self._listed()]
        if given.get("type") == "vm":
            return rows
        return [views.node_row(self._hypervisor.node), *rows]

    async def machines(self, request: Request, caller: str) -> object:
        now = self._hypervisor.now()
        return [views.machine_row(machine, now) for machine in self._listed()]

    async def clone(self, request: Request, caller: str) -> object:
        source, given = await self._call(request, parameters.CLONE, "newid")
        return self._hypervisor.clone(source, given, caller).upid

    async def config(self, request: Request, caller: str) -> object:
        return views.machine_config(self._hypervisor.machine(_vmid(request)))

    async def configure(self, request: Request, caller: str) -> object:
        vmid, given = await self._call(request, parameters.CONFIG)
        self._hypervisor.configure(vmid, given)
        return None

    async def configure_later(self, request: Request, caller: str) -> object:
        vmid, given = await self._call(request, parameters.CONFIG)
        return self._hypervisor.configure_later(vmid, given, caller).upid

    async def resize(self, request: Request, caller: str) -> object:
        vmid, given = await self._call(request, parameters.RESIZE, "disk", "size")
        return self._hypervisor.resize(vmid, given, caller).upid

    async def status(self, request: Request, caller: str) -> object:
        return views.machine_status(self._hypervisor.machine(_vmid(request)), self._hypervisor.now())

    async def power(self, request: Request, caller: str) -> object:
        verb = request.path_params["verb"]
        if verb not in _POWER_VERBS:
            raise PveError(501, f"Method 'POST {request.url.path}' not implemented")
        vmid, _ = await self._call(request, parameters.POWER)
        return self._hypervisor.power(vmid, verb, caller).upid

    async def interfaces(self, request: Request, caller: str) -> object:
        return views.interfaces(self._hypervisor, self._hypervisor.agent(_vmid(request)))

    async def destroy(self, request: Request, caller: str) -> object:
        vmid, _ = await self._call(request, parameters.DESTROY)
        return self._hypervisor.destroy(vmid, caller).upid

    async def task(self, request: Request, caller: str) -> object:
        return views.task_status(self._hypervisor.task(request.path_params["upid"]), self._hypervisor.node)

    async def task_log(self, request: Request, caller: str) -> object:
        given = parameters.verify(await given_parameters(request), parameters.LOG)
        start, limit = int(given.get("start", 0)), int(given.get("limit", 50))
        lines = self._hypervisor.task(request.path_params["upid"]).log
        return [{"n": n, "t": line} for n, line in enumerate(lines, start=1)][start : start + limit]

    async def _call(
        self, request: Request, accepted: Mapping[str, parameters.Check], *required: str
    ) -> tuple[int, dict[str, ConfigValue]]:
        return _vmid(request), parameters.verify(await given_parameters(request), accepted, required)

    def _listed(self) -> list[Machine]:
        """What a listing shows: machines younger than the injected lag are not in it yet."""
        self._hypervisor.advance()
        lag, newest = self._faults.listing_lag, self._hypervisor.now() - self._faults.listing_lag
        known = sorted(self._hypervisor.store.machines.values(), key=lambda machine: machine.vmid)
        return [machine for machine in known if not lag or machine.is_template or machine.created_at <= newest]


def _vmid(request: Request) -> int:
    given = parameters.verify({"vmid": request.path_params["vmid"]}, parameters.NEXT_ID)
    return int(given["vmid"])
