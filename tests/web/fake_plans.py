"""What the fake catalogue sells, in the published read model."""

from typing import Any

from shared.contracts.reads.catalog import ChoiceView, FieldView, GroupView, PlanView, PriceView
from shared.contracts.reads.common import LabelledValue

SERVERS = GroupView(code="servers", name="Virtual servers")
OTHERS = {
    "hosting": GroupView(code="hosting", name="Web hosting"),
    "domain": GroupView(code="domains", name="Domains"),
    "certificate": GroupView(code="certificates", name="Certificates"),
    "postcard": GroupView(code="post", name="Postcards"),
}
SYSTEMS = [
    ChoiceView(value="debian-12", label="Debian 12"),
    ChoiceView(value="ubuntu-24.04", label="Ubuntu 24.04 LTS"),
    ChoiceView(value="alma-9", label="AlmaLinux 9"),
]
REGIONS = [ChoiceView(value="fsn", label="Falkenstein"), ChoiceView(value="hel", label="Helsinki")]
VPS_FIELDS = [
    FieldView(
        key="hostname", label="Hostname", kind="text", help="Leave it empty and we choose one.",
        placeholder="web-1.example.com", max_length=253,
    ),
    FieldView(key="system", label="Operating system", kind="choice", required=True, choices=SYSTEMS),
    FieldView(key="region", label="Region", kind="choice", required=True, choices=REGIONS, default="fsn"),
    FieldView(key="ssh_keys", label="SSH keys", kind="ssh_keys"),
    FieldView(
        key="root_password", label="Make a one-time root password", kind="flag", help="Shown once. A key is safer.",
    ),
]  # fmt: skip
STAMPS = [ChoiceView(value=str(number), label=f"No. {number}") for number in range(9)]
# A type nobody here has heard of, with a kind of field nobody knows.
POSTCARD_FIELDS = [
    FieldView(key="name", label="To whom", kind="text", required=True, max_length=80),
    FieldView(key="message", label="Message", kind="multiline", max_length=500),
    FieldView(key="stamp", label="Stamp", kind="choice", choices=STAMPS),
    FieldView(key="scent", label="Scent", kind="perfume", placeholder="lavender"),
]  # fmt: skip

_numbers = iter(range(1, 10_000))


def prices(month: int | None, year: int | None, setup: int = 0, *, usd: bool = True) -> list[PriceView]:
    rows = [("EUR", "month", month), ("EUR", "year", year)]
    if usd and month:
        rows += [("USD", "month", month + 50), ("USD", "year", (month + 50) * 11), ("JPY", "month", month * 2)]
    return [
        PriceView(
            id=f"prc_{next(_numbers):05d}", currency=currency, interval=interval, amount_minor=amount,
            setup_fee_minor=setup if currency == "EUR" else 0,
        )
        for currency, interval, amount in rows
        if amount
    ]  # fmt: skip


def plan(code: str, name: str, tagline: str, kind: str, priced: list[PriceView], **given: Any) -> PlanView:
    summary = [
        LabelledValue(key=label.lower(), label=label, value=value) for label, value in given.get("summary", [])
    ]  # fmt: skip
    return PlanView(
        id=f"pln_{code.replace('-', '')}", code=code, name=name, tagline=tagline, description=tagline,
        product_type=kind, unit=given.get("unit", "server"), group=SERVERS if kind == "vps" else OTHERS[kind],
        availability=given.get("availability", "open"), recommended=code == "vps-m",
        features=given.get("features", []), summary=summary, spec={},
        fields=given.get("fields", VPS_FIELDS if kind == "vps" else []),
        intervals=list(dict.fromkeys(price.interval for price in priced)),
        max_quantity=given.get("max_quantity", 10), prices=priced,
    )  # fmt: skip


def plans() -> list[PlanView]:
    """Copies, so that a test that changes one changes no other test's."""
    return [one.model_copy(deep=True) for one in _plans()]


def _plans() -> list[PlanView]:
    access = ["One IPv4 address", "Root access by SSH"]
    soon = "announced"
    return [
        plan("vps-s", "VPS S", "For a first site, a bot or a side project.", "vps", prices(450, 4500),
             features=access, summary=[("CPU", "1 core"), ("Memory", "2 GB")]),
        plan("vps-m", "VPS M", "For an application and its database.", "vps", prices(900, 9000),
             features=access, summary=[("CPU", "2 cores"), ("Memory", "4 GB")]),
        plan("vps-l", "VPS L", "For something people depend on.", "vps", prices(1800, 18900, 500),
             features=access, summary=[("CPU", "4 cores"), ("Memory", "8 GB")]),
        plan("postcard", "Postcard", "A card by post, every month.", "postcard", prices(250, None, usd=False),
             fields=POSTCARD_FIELDS, unit="card", max_quantity=3),
        plan("hosting-start", "Hosting Start", "A website with mail, without looking after a server.", "hosting",
             prices(390, 3900, usd=False), availability=soon, unit="site"),
        plan("domain-com", ".com domain", "Registered in your name.", "domain", prices(None, 1290), availability=soon),
        plan("cert-dv", "TLS certificate", "Validated by DNS, renewed in time.", "certificate", prices(None, 900),
             availability=soon),
    ]  # fmt: skip
