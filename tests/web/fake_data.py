"""What the pages are shown in tests and in the preview: every state a customer or a member of staff can meet."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

Json = dict[str, Any]
_numbers = count(1)

ADA, NEO, MANY = "acc_ada", "acc_neo", "acc_many"
PASSWORD = "correct horse battery"
LONG_NAME = "a-very-long-hostname-that-somebody-really-typed-because-nothing-stopped-them.production.example.com"


def new_id(prefix: str) -> str:
    return f"{prefix}_01jd{next(_numbers):022d}"


def ago(**parts: float) -> str:
    return stamp(datetime.now(UTC) - timedelta(**parts))


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(amount: int, currency: str = "EUR") -> Json:
    return {"amount_minor": amount, "currency": currency}


def entry(at: str | None, title: str, detail: str | None = None, state: str = "done") -> Json:
    return {"at": at, "title": title, "detail": detail, "state": state, "key": title.lower().replace(" ", "_")}


def _prices(month: int, year: int, setup: int = 0, *, usd: bool = True) -> list[Json]:
    rows = [("EUR", "month", month), ("EUR", "year", year)]
    if usd:
        rows += [("USD", "month", month + 50), ("USD", "year", (month + 50) * 11), ("JPY", "month", month * 2)]
    return [
        {
            "id": new_id("prc"),
            "currency": currency,
            "interval": interval,
            "amount_minor": amount,
            "setup_fee_minor": setup if currency == "EUR" else 0,
        }
        for currency, interval, amount in rows
    ]


TEMPLATES = [
    {"id": "debian-12", "name": "Debian 12"},
    {"id": "ubuntu-24.04", "name": "Ubuntu 24.04 LTS"},
    {"id": "alma-9", "name": "AlmaLinux 9"},
]


def plan(
    code: str,
    name: str,
    tagline: str,
    kind: str,
    prices: list[Json],
    features: list[str],
    spec: Json | None = None,
    availability: str = "open",
) -> Json:
    return {
        "id": new_id("pln"),
        "code": code,
        "name": name,
        "tagline": tagline,
        "product_type": kind,
        "availability": availability,
        "features": features,
        "spec": spec or {},
        "templates": TEMPLATES if kind == "vps" else [],
        "prices": prices,
    }


def vps(cores: int, memory_mb: int, disk_gb: int, transfer_tb: int) -> Json:
    return {"cores": cores, "memory_mb": memory_mb, "disk_gb": disk_gb, "transfer_tb": transfer_tb}


def plans() -> list[Json]:
    access = ["One IPv4 address", "Root access by SSH"]
    return [
        plan("vps-s", "VPS S", "For a first site, a bot or a side project.", "vps",
             _prices(450, 4500), access, vps(1, 2048, 25, 2)),
        plan("vps-m", "VPS M", "For an application and its database.", "vps",
             _prices(900, 9000), access, vps(2, 4096, 60, 4)),
        plan("vps-l", "VPS L", "For something people depend on.", "vps",
             _prices(1800, 18900, 500), access, vps(4, 8192, 120, 8)),
        plan("hosting-start", "Hosting Start", "A website with mail, without looking after a server.", "hosting",
             _prices(390, 3900, usd=False), ["10 mailboxes", "5 websites"], {"disk_gb": 20}, "announced"),
        plan("domain-com", ".com domain", "Registered in your name.", "domain",
             _prices(0, 1290, usd=False)[1:], ["DNS included", "DNSSEC"], None, "announced"),
        plan("cert-dv", "TLS certificate", "Validated by DNS, renewed before it expires.", "certificate",
             _prices(0, 900, usd=False)[1:], ["Wildcard names"], None, "announced"),
    ]  # fmt: skip


@dataclass
class World:
    """Everything the fake services know. Tests reach in to arrange and to look."""

    plans: list[Json] = field(default_factory=plans)
    users: dict[str, Json] = field(default_factory=dict)
    sessions: dict[str, Json] = field(default_factory=dict)
    orders: list[Json] = field(default_factory=list)
    services: list[Json] = field(default_factory=list)
    invoices: list[Json] = field(default_factory=list)
    tickets: list[Json] = field(default_factory=list)
    jobs: list[Json] = field(default_factory=list)
    stripe_events: list[Json] = field(default_factory=list)
    letters: dict[str, list[Json]] = field(default_factory=dict)
    notifications: list[Json] = field(default_factory=list)
    timelines: dict[str, list[Json]] = field(default_factory=dict)
    order_keys: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    checkout_origin: str = "http://localhost:8100"
    tick: float = 2.0
    """Seconds between two steps of a service that is being built."""
    named: dict[str, str] = field(default_factory=dict)
    """Ids of the scenarios, by a name tests can read."""

    def user(self, email: str, name: str, account: str | None, roles: tuple[str, ...] = ()) -> None:
        self.users[email] = {
            "id": new_id("usr"),
            "email": email,
            "name": name,
            "password": PASSWORD,
            "account_id": account,
            "account_name": {ADA: "Analytical Engines Ltd", NEO: "Neo", MANY: "Many Things GmbH"}.get(account or ""),
            "staff_roles": list(roles),
            "verified": True,
        }

    def order(self, account: str, status: str, plan_code: str = "vps-s", **given: Any) -> Json:
        chosen = next(plan for plan in self.plans if plan["code"] == plan_code)
        interval, quantity = given.get("interval", "month"), given.get("quantity", 1)
        currency = given.get("currency", "EUR")
        price = next(p for p in chosen["prices"] if (p["currency"], p["interval"]) == (currency, interval))
        total = (price["amount_minor"] + price["setup_fee_minor"]) * quantity
        number = f"EZ-{1000 + len(self.orders) + 1}"
        created = given.get("created_at", ago(minutes=12))
        order = {
            "id": new_id("ord"),
            "number": number,
            "status": status,
            "currency": currency,
            "total": money(total, currency),
            "created_at": created,
            "paid_at": given.get("paid_at"),
            "fulfilled_at": given.get("fulfilled_at"),
            "expires_at": stamp(datetime.now(UTC) + timedelta(hours=23)),
            "payment_problem": given.get("payment_problem"),
            "items": [
                {
                    "id": new_id("itm"),
                    "plan": {"code": chosen["code"], "name": chosen["name"]},
                    "product_type": chosen["product_type"],
                    "interval": interval,
                    "quantity": quantity,
                    "hostname": given.get("hostname", "web-1.example.com"),
                    "template": given.get("template", "debian-12"),
                    "unit": money(price["amount_minor"], currency),
                    "setup_fee": money(price["setup_fee_minor"], currency),
                    "total": money(total, currency),
                }
            ],
            "entitlements": [],
            "account_id": account,
        }
        self.orders.insert(0, order)
        self.timelines[order["id"]] = [entry(created, "Order placed", f"{chosen['name']}, by the {interval}")]
        return order

    def service(self, order: Json, status: str, **given: Any) -> Json:
        item = order["items"][0]
        service = {
            "id": new_id("svc"),
            "name": given.get("name", item["hostname"]),
            "product_type": item["product_type"],
            "plan": item["plan"],
            "status": status,
            "power": given.get("power", "running" if status == "active" else None),
            "order_id": order["id"],
            "entitlement_id": new_id("ent"),
            "ipv4": given.get("ipv4", "203.0.113.24" if status == "active" else None),
            "spec": given.get("spec", vps(1, 2048, 25, 2)),
            "template": "Debian 12",
            "created_at": order["paid_at"] or order["created_at"],
            "activated_at": given.get("activated_at"),
            "delayed": given.get("delayed", False),
            "message": given.get("message"),
            "pending_action": given.get("pending_action"),
            "account_id": order["account_id"],
        }
        order["entitlements"].append(
            {
                "id": service["entitlement_id"],
                "item_id": item["id"],
                "status": "active" if status == "active" else "granted",
                "service_id": service["id"],
            }
        )
        self.services.insert(0, service)
        self.timelines[service["id"]] = given.get("timeline", [])
        return service

    def steps(self, of: Json, *entries: Json) -> None:
        self.timelines[of["id"]].extend(entries)
