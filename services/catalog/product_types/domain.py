"""Domains: one name under one top-level domain, registered for a year at a time."""

from collections.abc import Mapping
from typing import Any

from services.catalog.product_types.base import BadConfiguration, Configured, Options, ProductType, labelled
from services.catalog.product_types.hostnames import LONGEST, checked_domain
from services.catalog.product_types.plan_seeds import PlanSeed
from shared.contracts.reads.catalog import FieldView
from shared.contracts.reads.common import LabelledValue


class Domain(ProductType):
    """A registered name. There is one of each name, so an item is for one."""

    code = "domain"
    name = "Domain"
    unit = "domain"
    units = "domains"
    group = "Domains"
    intervals = ("year", "two_years", "three_years")

    def fields(self, options: Options) -> list[FieldView]:
        """The name."""
        return [
            FieldView(
                key="name",
                label="Domain name",
                kind="text",
                help="The name with its ending.",
                placeholder="example.com",
                required=True,
                max_length=LONGEST,
            )
        ]

    def checked(self, key: str, value: Any) -> Any:
        """A domain is a host name of at least two parts."""
        return checked_domain(value)

    def complete(self, configuration: dict[str, Any]) -> Configured:
        """It is called by its name."""
        return Configured(configuration["name"], configuration)

    def check(self, configured: Configured, quantity: int, spec: Mapping[str, Any]) -> None:
        """The name lies directly under the ending that the plan registers."""
        ending = f".{spec['tld']}" if "tld" in spec else ""
        label = configured.name.removesuffix(ending)
        if not configured.name.endswith(ending) or (ending and "." in label):
            raise BadConfiguration({"name": f"This plan registers one name under {ending}, as in example{ending}."})

    def summary(self, spec: Mapping[str, Any]) -> list[LabelledValue]:
        """The ending and how long it is registered for."""
        shown = [labelled("tld", "Ending", f".{spec['tld']}")] if "tld" in spec else []
        if "years" in spec:
            words = "1 year" if spec["years"] == 1 else f"{spec['years']} years"
            shown.append(labelled("years", "Registered for", words))
        return shown


def _plan(zone: str, tagline: str, eur: int, usd: int) -> PlanSeed:
    return PlanSeed(
        code=f"domain-{zone}",
        name=f".{zone} domain",
        tagline=tagline,
        description=f"Registration of one name under .{zone} for a year, with DNS.",
        features=("One year of registration", "DNS with DNSSEC", "Transfer lock"),
        spec={"tld": zone, "years": 1},
        per_year={"EUR": eur, "USD": usd},
    )


Domain.seeds = (
    _plan("com", "The one everybody knows", 1250, 1350),
    _plan("net", "For networks and tools", 1390, 1490),
    _plan("org", "For causes and communities", 1190, 1290),
    _plan("eu", "At home in Europe", 790, 890),
    _plan("de", "At home in Germany", 690, 790),
)
TYPE = Domain()
