"""Makes `instance/`: an instance of commit 347fabd, killed while everything is on its way.

    git worktree add --detach ../old 347fabd      (with its .venv, and gateway/web/static/dist built)
    python tests/seams/upgrade/make_fixture.py ../old

That commit came before order items had a configuration, services a provider of their own and money its groups, so its
rows and its facts are what every later migration must understand. Ids and times are new in each run; what is in
flight is always the same, and `manifest.json` names it. The result is for `test_upgrade.py`; make it anew only to add
a case, and from the same commit.
"""

import asyncio
import json
import lzma
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULT = HERE / "instance"
COMMIT = "347fabd"
PORT = 21850
SERVICES = ("identity", "billing", "catalog", "provisioning", "support")
SANDBOXES = ("stripe", "hypervisor", "mail")


def history(embedded: Any) -> dict[str, Any]:
    """The quiet years: what is paid, running, refused, given up and broken for good."""
    from buying import Customer, staff

    customer = Customer.signed_up(embedded, "Olga Old", "olga@customers.example")
    api = staff(embedded)
    plan = next(plan for plan in api("GET", "/api/v1/staff/plans?limit=100")["data"] if plan["code"] == "vps-l")
    fee = {"currency": "EUR", "interval": "year", "amount_minor": 24000, "setup_fee_minor": 1500}
    api("POST", f"/api/v1/staff/plans/{plan['id']}/prices", fee)
    customer.buy("two-units", quantity=2)
    customer.buy("yearly", plan="vps-l", interval="year")
    for name in ("two-units", "yearly"):
        customer.until(name, "fulfilled")
    _unpaid(customer, embedded)
    _broken(customer, embedded, api)
    _renewals(customer, embedded)
    ticket = {"subject": "My server feels slow", "body": "Since yesterday. Is it me?", "priority": "normal"}
    opened = customer.api("POST", "/api/v1/tickets", ticket, key="ticket-key-of-old")
    known = {key: getattr(customer, key) for key in ("name", "email", "password", "orders")}
    return {
        "commit": COMMIT,
        "customers": {"old": {**known, "token": customer.api.token}},
        "ticket_request": {"body": json.dumps(ticket), "key": "ticket-key-of-old", "answer": opened},
        "ticket": opened,
    }


def _unpaid(customer: Any, embedded: Any) -> None:
    customer.order("awaiting-without-page")
    customer.order("awaiting-with-page")
    customer.page("awaiting-with-page")
    customer.order("declined")
    customer.pay("declined", outcome="decline")
    customer.order("canceled")
    customer.page("canceled")
    customer.api("POST", f"/api/v1/orders/{customer.orders['canceled']['id']}/cancel")
    customer.order("expired")
    session = customer.page("expired").rsplit("/", 1)[-1]
    embedded.stripe("POST", f"/v1/checkout/sessions/{session}/expire")
    customer.until("expired", "expired")
    customer.order("under-review")
    customer.pay("under-review", charge={"amount": 1})
    customer.until("under-review", "under_review")


def _broken(customer: Any, embedded: Any, api: Any) -> None:
    """Deliveries that only a person can help: refused for good (dead), and forbidden (parked)."""
    from buying import job_of, waited

    for name, status, state in (("dead-job", 400, "dead"), ("parked-job", 403, "parked")):
        fault = {"kind": "error", "status": status, "method": "POST", "path": "/clone$"}
        embedded.hypervisor("POST", "/_sandbox/faults", fault)
        order_id = customer.buy(name)
        waited(name, lambda wanted=order_id, end=state: (job_of(api, wanted) or {}).get("state") == end)


def _renewals(customer: Any, embedded: Any) -> None:
    """A renewal that was paid, and one that failed: its subscription is past due."""
    from buying import waited

    customer.buy("failing-renewal")
    customer.until("failing-renewal", "fulfilled")
    for name, outcome in (("two-units", "success"), ("failing-renewal", "decline")):
        session = embedded.stripe("GET", f"/v1/checkout/sessions/{customer.orders[name]['page'].rsplit('/', 1)[-1]}")
        subscription = session["subscription"]
        customer.orders[name]["subscription"] = subscription
        embedded.stripe("POST", f"/_sandbox/subscriptions/{subscription}/renew", {"outcome": outcome})
    waited("the renewals", lambda: len(customer.api("GET", "/api/v1/invoices?limit=100")["data"]) >= 8)


def half_made(embedded: Any, manifest: Path) -> None:
    """The machine exists; the process dies before it has written that down."""
    from buying import Customer

    told = json.loads(manifest.read_text())
    known = told["customers"]["old"]
    os.environ["EZ_CRASH_AT"] = "provisioning.after_create"
    embedded.start()
    del os.environ["EZ_CRASH_AT"]
    customer = Customer(embedded, **{key: known[key] for key in ("name", "email", "password", "orders")})
    customer.api.token = known["token"]
    customer.buy("machine-half-made")
    assert embedded._process.wait(60) == -signal.SIGKILL
    manifest.write_text(json.dumps(told))


async def dump(home: Path) -> None:
    """Every schema and every sandbox as text, runnable without any tool of PostgreSQL."""
    from ez.embedded.postgres import EmbeddedPostgres
    from ez.embedded.postgres_binaries import find_binaries

    async with EmbeddedPostgres(home / "postgres", PORT + 20) as server:
        import asyncpg

        admin = await asyncpg.connect(server.admin_url)
        await admin.execute("DROP TRIGGER refuse ON provisioning.resources; DROP FUNCTION public.refuse()")
        await admin.close()
        pg_dump = find_binaries().postgres.parent / "pg_dump"
        flags = ("--inserts", "--rows-per-insert=100", "--no-owner", "--no-privileges")
        for schema in SERVICES:
            command = [str(pg_dump), *flags, f"--schema={schema}", server.admin_url]
            text = await asyncio.to_thread(subprocess.check_output, command, text=True)
            _keep(schema, re.sub(r"^(CREATE SCHEMA \w+;|\\(un)?restrict \w+)\n", "", text, flags=re.MULTILINE))
    for sandbox in SANDBOXES:
        with sqlite3.connect(home / f"{sandbox}.sqlite") as database:
            _keep(sandbox, "\n".join(database.iterdump()) + "\n")


def _keep(name: str, text: str) -> None:
    (RESULT / f"{name}.sql.xz").write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


def main(old: Path) -> None:
    """One instance after another on the same files, each started from the old tree."""
    from tests.support.embedded import Embedded

    RESULT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ez-old-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        home, manifest = Path(directory) / "home", Path(directory) / "manifest.json"
        embedded = Embedded(home, PORT)
        embedded.start()
        manifest.write_text(json.dumps(history(embedded)))
        embedded.stop()
        half_made(embedded, manifest)
        flight = [sys.executable, str(HERE / "in_flight.py"), str(home), str(PORT), str(manifest)]
        ended = subprocess.run(flight, cwd=old, check=False, stdout=subprocess.DEVNULL).returncode
        killed_at = int(time.time())
        if ended != -signal.SIGKILL:
            raise SystemExit(f"in_flight.py ended with {ended}")
        asyncio.run(dump(home))
        told = json.loads(manifest.read_text()) | {"killed_at": killed_at, "port": PORT, "secrets": embedded.secrets}
    (RESULT / "manifest.json").write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    tree = str(Path(sys.argv[1]).resolve())
    if os.environ.get("PYTHONPATH") != tree:  # the old code, in this process and in every one it starts
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONPATH": tree})
    os.environ["SANDBOX_HYPERVISOR_TIME_SCALE"] = "0.1"
    main(Path(tree))
