"""Makes planned faults happen, keeps the time of each, and takes everything back at the end."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.chaos.links import Links
from tests.chaos.schedule import FORGERIES, Fault
from tests.chaos.servers import Servers
from tests.chaos.supervisor import Supervisor
from tests.support.distributed import Distributed

_CREATES = r"/clone$"
_HEALTHY: dict[str, Any] = {"webhooks": [], "api": [], "next_checkout": []}
_FORGED = {
    "webhook.forge": list(FORGERIES),
    "webhook.stale": ["stale_timestamp"],
    "webhook.future": ["future_timestamp"],
    "webhook.wrong_mode": ["wrong_mode"],
}


@dataclass
class Injected:
    """A fault that happened: when it began and ended (seconds since the epoch), and whether it met anybody."""

    fault: Fault
    began: float
    ended: float | None = None
    met: bool = True


class Trouble:
    """One method per kind of fault, found by the kind's name; `injected` is the history."""

    def __init__(
        self,
        deployment: Distributed,
        links: Links,
        supervisor: Supervisor,
        servers: Servers,
        note: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self._deployment = deployment
        self._note = note
        self._links = links
        self._supervisor = supervisor
        self._servers = servers
        self._http: aiohttp.ClientSession | None = None
        self.injected: list[Injected] = []
        self.failures: list[str] = []
        self._makers: dict[str, Callable[[Fault], Awaitable[bool]]] = {
            "process": self._process,
            "postgres": self._postgres,
            "rabbit": self._rabbit,
            "link": self._link,
            "webhook": self._webhook,
            "stripe": self._stripe,
            "hypervisor": self._hypervisor,
        }

    async def start(self) -> None:
        """Opens the connection to the sandboxes' own controls."""
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))

    async def stop(self) -> None:
        """Closes it."""
        if self._http is not None:
            await self._http.close()

    async def make(self, fault: Fault) -> None:
        """Lets the fault begin, last and end. A fault that could not be made is a failure of the run itself."""
        entry = Injected(fault, time.time())
        self.injected.append(entry)
        self._note(f"begins: {fault}")
        try:
            entry.met = await self._makers[fault.kind.partition(".")[0]](fault)
        except Exception as error:  # noqa: BLE001 - the run goes on, and says at its end what it could not do
            self.failures.append(f"{fault}: {type(error).__name__}: {error}")
            entry.met = False
        entry.ended = time.time()
        self._note(f"ended:  {fault}" + ("" if entry.met else " (it met nobody)"))

    async def clear(self) -> list[str]:
        """Takes every fault back; says which crash points were armed and never reached.

        Connections that have fallen silent stay silent: on a real network, too, nobody comes to say so.
        """
        await self._links.heal()
        await self.stripe("/_sandbox/faults", _HEALTHY)
        await self.hypervisor("DELETE", "/_sandbox/faults")
        await self.hypervisor("POST", "/_sandbox/outage", {"state": "off"})
        return self._supervisor.disarm()

    async def stripe(self, path: str, body: Any) -> Any:
        """A call to the Stripe sandbox's controls, past the proxy."""
        key = self._deployment.environment["STRIPE_SANDBOX_API_KEY"]
        url = f"http://127.0.0.1:{self._deployment.ports['stripe']}{path}"
        return await self._call("POST", url, body, f"Bearer {key}")

    async def hypervisor(self, method: str, path: str, body: Any = None) -> Any:
        """A call to the hypervisor sandbox's controls, past the proxy."""
        token = f"PVEAPIToken={self._deployment.hypervisor_token}"
        return await self._call(method, f"{self._deployment.hypervisor_url}{path}", body, token)

    async def _call(self, method: str, url: str, body: Any, authorization: str) -> Any:
        assert self._http is not None
        async with self._http.request(method, url, json=body, headers={"Authorization": authorization}) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def _process(self, fault: Fault) -> bool:
        match fault.kind:
            case "process.kill":
                return self._supervisor.kill(fault.target)
            case "process.crash_point":
                name, _, point = fault.target.partition("@")
                self._supervisor.arm(name, point)
                return True
            case _:
                met = self._supervisor.suspend(fault.target)
                await asyncio.sleep(fault.seconds)
                self._supervisor.resume(fault.target)
                return met

    async def _postgres(self, fault: Fault) -> bool:
        match fault.kind:
            case "postgres.kill":
                await self._servers.kill_postgres()
            case "postgres.immediate_stop":
                await self._servers.stop_postgres_at_once()
            case "postgres.kill_backend":
                return await self._servers.kill_backend(float(fault.more["pick"]))
            case "postgres.terminate_backend":
                return await self._servers.terminate_backend(float(fault.more["pick"]))
            case _:
                await self._servers.freeze_postgres(fault.seconds)
        return True

    async def _rabbit(self, fault: Fault) -> bool:
        if fault.kind == "rabbit.kill":
            await self._servers.kill_broker()
        else:
            await self._servers.freeze_broker(fault.seconds)
        return True

    async def _link(self, fault: Fault) -> bool:
        link, pick = fault.target, fault.more["pick"]
        match fault.kind:
            case "link.cut_all" | "link.cut_one":
                which = fault.kind.rpartition("_")[2]
                return bool((await self._links.order("cut", link, which=which, pick=pick))["touched"])
            case "link.half_open":
                order = {"which": "one", "pick": pick, "direction": fault.more["direction"]}
                return bool((await self._links.order("half_open", link, **order))["touched"])
            case "link.refuse":
                await self._links.order("refuse", link)
                await self._links.order("cut", link)
            case _:
                await self._links.order("delay", link, seconds=fault.more["delay"])
        await asyncio.sleep(fault.seconds)
        await self._links.order("heal", link)
        return True

    async def _webhook(self, fault: Fault) -> bool:
        number = {name: float(value) for name, value in fault.more.items()}
        match fault.kind:
            case "webhook.duplicate":
                await self._while(fault, {"duplicates": int(number["copies"])}, {"duplicates": 1})
            case "webhook.delay":
                await self._while(fault, {"delay_seconds": number["delay"]}, {"delay_seconds": 0})
            case "webhook.reorder":
                await self._while(fault, {"shuffle": True}, {"shuffle": False})
            case "webhook.withhold":
                await self.stripe("/_sandbox/faults", {"webhooks": {"withhold": int(number["events"])}})
            case kind:
                forged = {"forge": _FORGED[kind], "forge_times": int(number["events"])}
                await self._while(fault, forged, {"forge_times": 0})
        return True

    async def _while(self, fault: Fault, begin: dict[str, Any], end: dict[str, Any]) -> None:
        await self.stripe("/_sandbox/faults", {"webhooks": begin})
        await asyncio.sleep(fault.seconds)
        await self.stripe("/_sandbox/faults", {"webhooks": end})

    async def _stripe(self, fault: Fault) -> bool:
        kinds = {
            "stripe.error": "status",
            "stripe.rate_limit": "rate_limit",
            "stripe.drop_after_processing": "drop_after_processing",
            "stripe.timeout_after_processing": "timeout_after_processing",
        }
        order: dict[str, Any] = {"kind": kinds[fault.kind], "times": int(float(fault.more["calls"]))}
        if "hang" in fault.more:
            order["seconds"] = fault.more["hang"]
        # Only writes: a read that fails proves little, and the sweep's reads would use most of the faults up.
        await self.stripe("/_sandbox/faults", {"api": [{**order, "match": "POST"}]})
        return True

    async def _hypervisor(self, fault: Fault) -> bool:
        order: dict[str, Any] = {"count": int(float(fault.more.get("calls", 1)))}
        match fault.kind:
            case "hypervisor.silent_after_create":
                order |= {"kind": "hang_after", "seconds": fault.more["hang"], "method": "POST", "path": _CREATES}
            case "hypervisor.cut_after_create":
                order |= {"kind": "drop_after", "method": "POST", "path": _CREATES}
            case "hypervisor.error":
                order |= {"kind": "error", "status": 500}
            case "hypervisor.hang":
                order |= {"kind": "hang", "seconds": fault.more["hang"]}
            case "hypervisor.malformed":
                order |= {"kind": "malformed"}
            case "hypervisor.list_late":
                await self.hypervisor("POST", "/_sandbox/faults", {"kind": "listing_lag", "seconds": fault.more["lag"]})
                await asyncio.sleep(fault.seconds)
                order = {"kind": "listing_lag", "seconds": 0}
            case _:
                await self.hypervisor("POST", "/_sandbox/outage", {"state": "on"})
                await asyncio.sleep(fault.seconds)
                await self.hypervisor("POST", "/_sandbox/outage", {"state": "off"})
                return True
        await self.hypervisor("POST", "/_sandbox/faults", order)
        return True

    def counts(self) -> Counter[str]:
        """How often each kind met somebody."""
        return Counter(entry.fault.kind for entry in self.injected if entry.met)
