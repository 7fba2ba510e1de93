"""The old instance under today's code: its customer, its staff, and the outside world as they find it now."""

import json
import os
import tempfile
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from ez import demo
from ez.seeding import STAFF
from shared.testing import eventually
from tests.seams.upgrade.restore import restore
from tests.support.embedded import Embedded, free_base_port

# Only an end for what never happens.
PATIENCE = 120.0


class Upgraded:
    """The old instance under today's code, with its customer and its staff signed in."""

    def __init__(self, embedded: Embedded, told: dict[str, Any]) -> None:
        self.embedded = embedded
        self.told = told
        self.old: dict[str, Any] = told["customers"]["old"]
        self.api = demo.Api(embedded.url)
        self.api.token = self.old["token"]
        self.staff = demo.Api(embedded.url)
        login = {"email": STAFF.email, "password": STAFF.password}
        self.staff.token = self.staff("POST", "/api/v1/sessions", login)["token"]

    def order(self, name: str) -> dict[str, Any]:
        """An order as it is now."""
        return dict(self.api("GET", f"/api/v1/orders/{self.old['orders'][name]['id']}"))

    def services(self, name: str) -> list[dict[str, Any]]:
        """The services of an order as they are now."""
        path = f"/api/v1/services?order_id={self.old['orders'][name]['id']}&limit=100"
        return list(self.api("GET", path)["data"])

    async def until(self, name: str, status: str) -> None:
        """Waits until an order has this status."""

        async def reached() -> bool:
            return bool(self.order(name)["status"] == status)

        await eventually(reached, within=PATIENCE, every=0.2, what=f"{name} {status}")

    def pay(self, page: str) -> None:
        """What the customer's browser sends from the payment page."""
        form = urllib.parse.urlencode({"card": "4242424242424242"}).encode()
        urllib.request.urlopen(urllib.request.Request(page, form, method="POST"), timeout=30).close()

    def machines_of(self, service: str) -> list[dict[str, Any]]:
        """The hypervisor's machines that carry this service's reference."""
        return [one for one in self.embedded.machines() if service in json.dumps(one)]

    def subjects(self) -> Counter[str]:
        """How often the customer was sent a mail of each subject."""
        mails = self.embedded.mails(self.old["email"])
        return Counter({mail["subject"]: 0 for mail in mails}) + Counter(
            subject for mail in mails for subject in [mail["subject"]] * mail["deliveries"]
        )

    def stripe_list(self, kind: str, **wanted: str) -> list[dict[str, Any]]:
        """Every object of a kind that Stripe holds, newest first."""
        query = urllib.parse.urlencode({"limit": 100, **wanted})
        return list(self.embedded.stripe("GET", f"/v1/{kind}?{query}")["data"])

    def job_of(self, name: str) -> dict[str, Any]:
        """The job that delivers an order with one unit."""
        (service,) = self.services(name)
        jobs = self.staff("GET", f"/api/v1/staff/services/{service['id']}")["jobs"]
        return next(dict(job) for job in jobs if job["intent"] == "create")


@pytest_asyncio.fixture(scope="module")
async def upgraded() -> AsyncIterator[Upgraded]:
    """The old instance, started by today's code."""
    os.environ["SANDBOX_HYPERVISOR_TIME_SCALE"] = "0.05"
    with tempfile.TemporaryDirectory(prefix="ez-old-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        embedded = Embedded(Path(directory) / "home", free_base_port())
        told = await restore(embedded)
        embedded.start()
        del os.environ["SANDBOX_HYPERVISOR_TIME_SCALE"]
        try:
            yield Upgraded(embedded, told)
        finally:
            embedded.stop()
