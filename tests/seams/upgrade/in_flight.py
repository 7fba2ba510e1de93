"""The last minutes of the old instance: everything is on its way, then the process is killed.

Runs inside the old instance's own process (`make_fixture.py` starts it), because only there a fact can be kept from
one of its consumers, and a worker be stopped, while everything else goes on.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from buying import Customer, job_of, staff, waited

from ez.embedded.environment import SERVICES
from ez.embedded.instance import Instance
from shared.kernel import decode_id
from shared.messaging import NotConfirmed
from tests.support.embedded import Embedded

# A handler that cannot write fails, and its fact waits in the inbox.
_REFUSE = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused for the fixture'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON provisioning.resources FOR EACH ROW
WHEN (NEW.name LIKE 'in-the-inbox%') EXECUTE FUNCTION public.refuse();
"""


class Held(Instance):
    """The instance, with one job that no worker may take: it stays as the kill before left it."""

    def __init__(self, home: Path, port: int, job_of_order: str) -> None:
        super().__init__(home, port, quiet=True)
        self._held_order = job_of_order
        self.admin: asyncpg.Connection

    async def _start_services(self) -> None:
        assert self._postgres is not None
        self.admin = await asyncpg.connect(self._postgres.admin_url)
        self._lock = await asyncpg.connect(self._postgres.admin_url)
        await self._lock.execute("BEGIN")
        locked = await self._lock.fetch(
            "SELECT jobs.id FROM provisioning.jobs JOIN provisioning.resources ON resources.id = resource_id "
            "WHERE order_id = $1 FOR UPDATE",
            decode_id("ord", self._held_order),
        )
        assert locked, "the killed job is not there"
        await super()._start_services()

    def hold_back(self, consumer: str, wire_type: str, about: str) -> None:
        """From now on this consumer does not take facts of this type that mention `about`: they are never confirmed."""
        broker = self._services[consumer].worker.transport._broker
        receive = broker.receivers[consumer]

        async def deaf(message: Any) -> None:
            if message.wire_type.startswith(wire_type) and about.encode() in message.body:
                raise NotConfirmed("held back for the fixture")
            await receive(message)

        broker.receivers[consumer] = deaf

    def stop_worker(self, service: str) -> None:
        """Ends one service's worker; its API goes on."""
        self._workers[SERVICES.index(service)].cancel()

    def stop_mail(self) -> None:
        """No mail is taken any more."""
        assert self._mail is not None
        self._mail._controller.stop()


class Driver:
    """Buys from a thread of its own, and asks the instance's loop for what only the loop may do."""

    def __init__(self, instance: Held, embedded: Embedded, told: dict[str, Any]) -> None:
        self.instance = instance
        self.embedded = embedded
        self.loop = asyncio.get_running_loop()
        self.told = told
        known = told["customers"]["old"]
        self.customer = Customer(embedded, **{key: known[key] for key in ("name", "email", "password", "orders")})
        self.customer.api.token = known["token"]

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """What the administrator reads."""
        reading = self.instance.admin.fetch(statement, *values)
        return list(asyncio.run_coroutine_threadsafe(reading, self.loop).result())

    def on_loop(self, act: Callable[..., None], *arguments: Any) -> None:
        """Runs `act` where the instance runs."""

        async def run() -> None:
            act(*arguments)

        asyncio.run_coroutine_threadsafe(run(), self.loop).result()

    def until_tried(self, table: str, wire_type: str, about: str = "") -> None:
        """Waits until a row of this type was tried in vain."""
        statement = (
            f"SELECT 1 FROM {table} WHERE state = 'ready' AND last_error IS NOT NULL AND type LIKE $1 "
            "AND position($2 in convert_from(body, 'UTF8')) > 0"
        )
        waited(f"{wire_type} waiting in {table}", lambda: self.rows(statement, wire_type + "%", about))

    def facts_in_flight(self) -> None:
        """A fact of each context has left its writer and did not arrive."""
        customer = self.customer
        number = customer.order("activated-in-flight")
        self.on_loop(self.instance.hold_back, "catalog", "provisioning.resource.activated", number)
        customer.pay("activated-in-flight")
        self.until_tried("provisioning.outbox", "provisioning.resource.activated", number)
        number = customer.order("granted-in-flight")
        self.on_loop(self.instance.hold_back, "provisioning", "catalog.entitlement.granted", number)
        customer.pay("granted-in-flight")
        self.until_tried("catalog.outbox", "catalog.entitlement.granted", number)
        number = customer.order("paid-in-flight")
        self.on_loop(self.instance.hold_back, "catalog", "billing.checkout.paid", number)
        customer.pay("paid-in-flight")
        self.until_tried("billing.outbox", "billing.checkout.paid", number)
        number = customer.order("canceled-in-flight")
        customer.page("canceled-in-flight")
        self.on_loop(self.instance.hold_back, "billing", "catalog.order.canceled", number)
        customer.api("POST", f"/api/v1/orders/{number}/cancel", key="cancel-canceled-in-flight")
        self.until_tried("catalog.outbox", "catalog.order.canceled", number)
        self._newcomer()
        self._new_price()

    def _newcomer(self) -> None:
        email = "newcomer@customers.example"
        self.on_loop(self.instance.hold_back, "support", "identity.verification.requested", email)
        newcomer = {"email": email, "password": "long-enough-harbour-9", "name": "Nora Newcomer"}
        self.customer.api("POST", "/api/v1/users", newcomer)
        self.told["newcomer"] = newcomer
        self.until_tried("identity.outbox", "identity.verification.requested", email)

    def _new_price(self) -> None:
        api = staff(self.embedded)
        plan = next(plan for plan in api("GET", "/api/v1/staff/plans?limit=100")["data"] if plan["code"] == "vps-m")
        self.on_loop(self.instance.hold_back, "billing", "catalog.plan.published", plan["id"])
        price = {"currency": "USD", "interval": "month", "amount_minor": 1500, "setup_fee_minor": 0}
        api("POST", f"/api/v1/staff/plans/{plan['id']}/prices", price)
        self.told["new_price"] = {"plan": "vps-m", **price}
        self.until_tried("catalog.outbox", "catalog.plan.published", plan["id"])

    def work_that_waits(self) -> None:
        """The hypervisor is away, a handler fails, no mail is taken."""
        customer = self.customer
        asyncio.run_coroutine_threadsafe(self.instance.admin.execute(_REFUSE), self.loop).result()
        customer.buy("in-the-inbox")
        self.until_tried("provisioning.inbox", "catalog.entitlement.granted", customer.orders["in-the-inbox"]["id"])
        self.embedded.hypervisor("POST", "/_sandbox/outage", {"state": "on"})
        customer.buy("hypervisor-away")
        api, number = staff(self.embedded), customer.orders["hypervisor-away"]["id"]
        waited("the job to fail", lambda: (job_of(api, number) or {}).get("last_error"))
        running = customer.services("two-units")[0]
        customer.api("POST", f"/api/v1/services/{running['id']}/power", {"action": "reboot"}, key="reboot-two-units")
        self.told["rebooting"] = running["id"]
        self.on_loop(self.instance.stop_mail)
        answer = {"body": "The answer that waits for the mail server."}
        api("POST", f"/api/v1/staff/tickets/{self.told['ticket']['id']}/messages", answer)
        failed = "SELECT 1 FROM support.notifications WHERE state = 'ready' AND last_error IS NOT NULL"
        waited("the mail to fail", lambda: self.rows(failed))

    def money_not_heard_of(self) -> None:
        """Stripe has told us and nobody has looked yet; then Stripe has not even told us."""
        customer = self.customer
        for name in ("event-unprocessed", "webhook-undelivered"):
            customer.order(name)
            customer.page(name)
        self.on_loop(self.instance.stop_worker, "billing")
        customer.pay("event-unprocessed")
        stored = "SELECT 1 FROM billing.stripe_events WHERE state = 'ready' AND type = 'checkout.session.completed'"
        waited("the event to be stored", lambda: self.rows(stored))
        everything = "/_sandbox/deliveries?state=pending"
        waited("all webhooks to arrive", lambda: not self.embedded.stripe("GET", everything)["data"])
        self.embedded.stripe("POST", "/_sandbox/faults", {"webhooks": {"paused": True}})
        customer.pay("webhook-undelivered")

    def note(self) -> None:
        """What the API says in the last moment."""
        api, known = self.customer.api, self.told["customers"]["old"]
        known["orders"] = self.customer.orders
        for order in known["orders"].values():
            order["last"] = api("GET", f"/api/v1/orders/{order['id']}")
            order["services"] = api("GET", f"/api/v1/services?order_id={order['id']}")["data"]
        known["invoices"] = api("GET", "/api/v1/invoices?limit=100")["data"]
        self.told["ticket"] = api("GET", f"/api/v1/tickets/{self.told['ticket']['id']}")
        mails = self.embedded.mails(known["email"])
        self.told["mails"] = [{key: mail[key] for key in ("message_id", "subject")} for mail in mails]
        machines = self.embedded.machines()
        self.told["machines"] = [{key: one[key] for key in ("vmid", "name", "description")} for one in machines]


async def main(home: Path, port: int, manifest: Path) -> None:
    """Goes on from the manifest's history, adds to it, and dies."""
    told = json.loads(manifest.read_text())
    killed = told["customers"]["old"]["orders"]["machine-half-made"]["id"]
    instance = Held(home, port, killed)
    await instance.start()
    driver = Driver(instance, Embedded(home, port), told)

    def drive() -> None:
        driver.facts_in_flight()
        driver.work_that_waits()
        driver.money_not_heard_of()
        driver.note()

    await asyncio.to_thread(drive)
    manifest.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
