"""The plans of a new installation. Amounts are minor units; a year costs ten months."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PRODUCTS = {
    "vps": "Virtual servers",
    "hosting": "Web hosting",
    "domain": "Domains",
    "certificate": "TLS certificates",
}
OS_TEMPLATES = (
    ("debian-13", "Debian 13"),
    ("debian-12", "Debian 12"),
    ("ubuntu-24-04", "Ubuntu 24.04 LTS"),
    ("almalinux-9", "AlmaLinux 9"),
)
MONTHS_PER_YEAR_PAID = 10


@dataclass(frozen=True, slots=True)
class PlanSeed:
    """One plan. `per_month` and `per_year` map a currency to an amount; a missing year is ten months."""

    product_type: str
    code: str
    name: str
    tagline: str
    description: str
    features: tuple[str, ...]
    """What the plan's card says after the sizes, which it reads from `spec`."""
    spec: Mapping[str, Any]
    per_month: Mapping[str, int] = field(default_factory=dict)
    per_year: Mapping[str, int] = field(default_factory=dict)
    setup_fee: Mapping[str, int] = field(default_factory=dict)
    availability: str = "announced"
    templates: tuple[tuple[str, str], ...] = ()

    def prices(self) -> Iterator[tuple[str, str, int, int]]:
        """Currency, interval, amount and set-up fee of each price. Who pays for a year at once is set up free."""
        for currency, amount in self.per_month.items():
            yield currency, "month", amount, self.setup_fee.get(currency, 0)
            yield currency, "year", amount * MONTHS_PER_YEAR_PAID, 0
        for currency, amount in self.per_year.items():
            yield currency, "year", amount, self.setup_fee.get(currency, 0)


def _vps(
    size: str, tagline: str, cores: int, memory_gb: int, disk_gb: int, transfer_tb: int, eur: int, usd: int, fee: int
) -> PlanSeed:
    return PlanSeed(
        product_type="vps",
        code=f"vps-{size.lower()}",
        name=f"VPS {size}",
        tagline=tagline,
        description=f"A virtual server with {cores} vCPU, {memory_gb} GB of memory and {disk_gb} GB of NVMe storage.",
        features=("One IPv4 address", "Root access and your own kernel"),
        spec={"cores": cores, "memory_mb": memory_gb * 1024, "disk_gb": disk_gb, "transfer_tb": transfer_tb},
        per_month={"EUR": eur, "USD": usd},
        setup_fee={"EUR": fee, "USD": fee} if fee else {},
        availability="open",
        templates=OS_TEMPLATES,
    )


def _hosting(
    size: str, tagline: str, sites: int, disk_gb: int, mailboxes: int, eur: int, usd: int, fee: int
) -> PlanSeed:
    return PlanSeed(
        product_type="hosting",
        code=f"hosting-{size.lower()}",
        name=f"Hosting {size}",
        tagline=tagline,
        description=f"Web hosting for {sites} {'site' if sites == 1 else 'sites'} with mail and daily backups.",
        features=(
            f"{sites} {'website' if sites == 1 else 'websites'}",
            f"{mailboxes} mailboxes",
            "Daily backups, kept for 14 days",
            "TLS for every site",
        ),
        spec={"sites": sites, "disk_gb": disk_gb, "mailboxes": mailboxes},
        per_month={"EUR": eur, "USD": usd},
        setup_fee={"EUR": fee, "USD": fee} if fee else {},
    )


def _domain(zone: str, tagline: str, eur: int, usd: int) -> PlanSeed:
    return PlanSeed(
        product_type="domain",
        code=f"domain-{zone}",
        name=f".{zone} domain",
        tagline=tagline,
        description=f"Registration of one name under .{zone} for a year, with DNS.",
        features=("One year of registration", "DNS with DNSSEC", "Transfer lock"),
        spec={"tld": zone, "years": 1},
        per_year={"EUR": eur, "USD": usd},
    )


def _certificate(code: str, name: str, tagline: str, names: str, wildcard: bool, eur: int, usd: int) -> PlanSeed:
    return PlanSeed(
        product_type="certificate",
        code=f"certificate-{code}",
        name=name,
        tagline=tagline,
        description=f"A domain-validated TLS certificate for {names}, renewed before it ends.",
        features=(f"For {names}", "Domain validation by DNS", "Renewed by itself", "Checked after every renewal"),
        spec={"validation": "domain", "wildcard": wildcard},
        per_month={"EUR": eur, "USD": usd},
    )


PLANS: tuple[PlanSeed, ...] = (
    _vps("S", "A first server, a bot, a small site", 1, 2, 40, 2, 500, 600, 0),
    _vps("M", "For a shop or a busy application", 2, 4, 80, 4, 1200, 1400, 0),
    _vps("L", "Databases and several services", 4, 8, 160, 8, 2400, 2700, 0),
    _vps("XL", "Builds, analytics, heavy traffic", 8, 16, 320, 16, 4800, 5400, 1000),
    _hosting("Start", "One site, done well", 1, 10, 5, 400, 500, 0),
    _hosting("Plus", "For a handful of sites", 5, 50, 25, 900, 1000, 0),
    _hosting("Agency", "For the sites of your clients", 25, 200, 200, 2900, 3200, 1500),
    _domain("com", "The one everybody knows", 1250, 1350),
    _domain("net", "For networks and tools", 1390, 1490),
    _domain("org", "For causes and communities", 1190, 1290),
    _domain("eu", "At home in Europe", 790, 890),
    _domain("de", "At home in Germany", 690, 790),
    _certificate("single", "Certificate", "For one name", "one name", False, 200, 250),
    _certificate(
        "wildcard",
        "Wildcard certificate",
        "For a domain and all of its names",
        "a domain and every name below it",
        True,
        700,
        800,
    ),
)
