"""I8 and the later life of services: rights rest, end and come back, and each guard is taken out once."""

import re
from typing import Any

import pytest

from ez.seeding import STAFF
from services.billing.use_cases import follow_items
from services.catalog.domain import Entitlement
from services.provisioning.domain import POSSIBLE
from services.provisioning.product_types.base import StepResult
from services.provisioning.product_types.vps import Vps
from services.provisioning.use_cases import actions, follow_entitlement, run_job
from services.provisioning.use_cases import intend as intending
from services.support.use_cases import life
from shared.kernel.ids import decode_id
from shared.testing import eventually
from tests.chaos.checker import Report, check
from tests.support.market import Market, before, market, names

__all__ = ["before", "market"]
pytestmark = [pytest.mark.chaos]
Before = set[tuple[str, str]]


class Staff:
    """A member of staff, and the one service of an order they decide about."""

    def __init__(self, market: Market, order: str) -> None:
        self._market = market
        self._order = order
        self._token = ""

    async def sign_in(self) -> None:
        login = {"email": STAFF.email, "password": STAFF.password}
        opened = await self._market.api("POST", "/api/v1/sessions", login)
        self._token = opened["token"]

    async def right(self) -> str:
        order = await self._market.api("GET", f"/api/v1/orders/{self._order}")
        return str(order["entitlements"][0]["id"])

    async def decide(self, verb: str) -> None:
        """Decides, and waits until everything that follows from it is done."""
        path = f"/api/v1/staff/entitlements/{await self.right()}/{verb}"
        reason = {"reason": "It is tried out"}
        await self._market.api("POST", path, reason, Authorization=f"Bearer {self._token}")
        await self._market.quiet()


async def _bought(market: Market, hostname: str, quantity: int = 1) -> tuple[str, str, Staff]:
    """An order that is delivered, its (first) service, and whoever decides about it."""
    order = await market.buy(hostname, quantity)
    await market.delivered(order)
    service = (await market.api("GET", f"/api/v1/services?order_id={order}"))["data"][0]["id"]
    staff = Staff(market, order)
    await staff.sign_in()
    return order, service, staff


async def _machine(market: Market, service: str) -> int:
    rows = await market.sql(f"SELECT external_ref FROM provisioning.resources WHERE id = '{decode_id('svc', service)}'")
    return int(rows[0]["external_ref"])


async def _power(market: Market, machine: int, verb: str, wanted: str) -> None:
    await market.hypervisor("POST", f"/api2/json/nodes/pve1/qemu/{machine}/status/{verb}")

    async def reached() -> bool:
        listed = await market.hypervisor("GET", "/_sandbox/machines")
        return any(row["vmid"] == machine and row["status"] == wanted for row in listed)

    await eventually(reached, what=f"machine {machine} {wanted}")


def _i8(report: Report) -> str:
    return next(line.lines()[0] for line in report.verdicts if line.promise == "I8")


def _at_rest(report: Report) -> tuple[int, int]:
    """How many services rest now, and how many rests there were in all."""
    said = _i8(report)
    if "not applicable" in said:
        return 0, 0
    counted = re.search(r"(\d+) at rest, (\d+) rest", said)
    assert counted is not None, said
    return int(counted[1]), int(counted[2])


async def test_a_service_that_rests_runs_ends_and_comes_back_keeps_every_promise(
    market: Market, before: Before
) -> None:
    _, _, staff = await _bought(market, "i8-life")
    at_rest, rests = _at_rest(await check(market.sources))
    for verb, now in (("suspend", (at_rest + 1, rests + 1)), ("resume", (at_rest, rests + 1))):
        await staff.decide(verb)
        assert await market.newly_broken(before) == {}, verb
        assert _at_rest(await check(market.sources)) == now, verb
    await staff.decide("suspend")
    await staff.decide("end")
    assert await market.newly_broken(before) == {}


async def test_one_of_two_that_ends_and_comes_back_keeps_every_promise(market: Market, before: Before) -> None:
    _, _, staff = await _bought(market, "i8-two", 2)
    for verb in ("end", "restore"):
        await staff.decide(verb)
        assert await market.newly_broken(before) == {}, verb


async def test_i8_a_suspension_that_stops_nothing(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_arguments: Any) -> StepResult:
        """The guard that is gone: holding, stopping, and the look whether it is stopped."""
        return StepResult()

    monkeypatch.setattr(Vps, "steps", {**Vps.steps, **dict.fromkeys(("hold", "stop", "verify_stopped"), nothing)})
    _, service, staff = await _bought(market, "i8-runs")
    await staff.decide("suspend")
    assert (await market.newly_broken(before))["I8"] == [service]
    await _power(market, await _machine(market, service), "stop", "stopped")


async def test_i8_an_ended_service_started_at_the_hypervisor_itself(market: Market, before: Before) -> None:
    _, service, staff = await _bought(market, "i8-by-hand")
    await staff.decide("end")
    machine = await _machine(market, service)
    await _power(market, machine, "start", "running")
    assert (await market.newly_broken(before))["I8"] == [service]
    await _power(market, machine, "stop", "stopped")


async def test_b5_a_machine_made_smaller_by_hand_than_what_is_paid_for(market: Market, before: Before) -> None:
    _, service, _ = await _bought(market, "b5-smaller")
    machine = await _machine(market, service)
    await _power(market, machine, "stop", "stopped")  # a running one keeps its size until it starts again
    await market.hypervisor("PUT", f"/api2/json/nodes/pve1/qemu/{machine}/config", {"cores": 1, "memory": 512})
    await _power(market, machine, "start", "running")
    assert (await market.newly_broken(before))["B5"] == [service]


async def test_i8_an_action_of_its_customer_that_is_accepted_and_carried_out(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def every_click(
        work: Any, tools: Any, wanted: Any, action: str, *, request: str, by: str, **_named: Any
    ) -> Any:
        """The guard that is gone: a look at the service and its right before anything is done."""
        resource = await intending.lock_resource(work, wanted, "missing")
        return await intending.intend(work, tools, resource, intending.Intent(action, f"click:{request}", by))

    _, service, staff = await _bought(market, "i8-click")
    await staff.decide("suspend")
    monkeypatch.setattr(actions, "_request", every_click)
    monkeypatch.setattr(run_job, "POSSIBLE", {**POSSIBLE, "action": frozenset({"suspended"})})
    key = {"Idempotency-Key": "i8-click-0000000000000000"}
    await market.api("POST", f"/api/v1/services/{service}/power", {"action": "start"}, **key)
    await market.quiet()
    found = await market.newly_broken(before)
    assert names(found, "I8", "start", service, "usr_")


async def test_i8_a_right_that_rests_and_a_service_that_heard_nothing(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(*_arguments: Any) -> None:
        """The guard that is gone: the service follows its right."""

    monkeypatch.setattr(follow_entitlement, "_follow", deaf)
    _, service, staff = await _bought(market, "i8-deaf")
    await staff.decide("suspend")
    found = await market.newly_broken(before)
    assert names(found, "I8", service, "is suspended", "is active")
    assert names(found, "I9", "provisioning.inbox", "catalog.entitlement.suspended.v1")


async def test_i9_an_ended_unit_that_billing_counts_as_heard_and_charges_on(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unmoved(*_arguments: Any, **_named: Any) -> bool:
        """The guard that is gone: the note of what lives."""
        return False

    monkeypatch.setattr(follow_items, "_note_unit", unmoved)
    order, _, staff = await _bought(market, "i9-charged", 2)
    await staff.decide("end")
    found = await market.newly_broken(before)
    assert names(found, "I9", "billing.inbox", "catalog.entitlement.ended.v1")
    assert names(found, "B10", order, "2 charged", "1 living")


async def test_i9_mails_and_lines_of_history_that_were_never_written(
    market: Market, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_arguments: Any, **_named: Any) -> None:
        """The guard that is gone: what is written down with the fact."""

    monkeypatch.setattr(life, "_tell", silent)
    monkeypatch.setattr(Entitlement, "note", lambda *_arguments, **_named: None)
    _, _, staff = await _bought(market, "i9-silent")
    await staff.decide("suspend")
    found = await market.newly_broken(before)
    for listener in ("catalog", "support"):
        assert names(found, "I9", f"{listener}.inbox", "provisioning.resource.suspended.v1")
