"""Web hosting: room for sites and mailboxes under one main domain."""

from collections.abc import Mapping
from typing import Any

from services.catalog.product_types.base import Configured, Options, ProductType, labelled
from services.catalog.product_types.hostnames import LONGEST, checked_domain
from services.catalog.product_types.plan_seeds import PlanSeed
from shared.contracts.reads.catalog import FieldView
from shared.contracts.reads.common import LabelledValue


class Hosting(ProductType):
    """A hosting account. It belongs to one main domain, so two with the same one make no sense."""

    code = "hosting"
    name = "Web hosting"
    unit = "hosting account"
    units = "hosting accounts"

    def fields(self, options: Options) -> list[FieldView]:
        """The main domain."""
        return [
            FieldView(
                key="domain",
                label="Main domain",
                kind="text",
                help="The name your first site is reached by.",
                placeholder="example.com",
                required=True,
                max_length=LONGEST,
            )
        ]

    def checked(self, key: str, value: Any) -> Any:
        """A domain is a host name of at least two parts."""
        return checked_domain(value)

    def complete(self, configuration: dict[str, Any]) -> Configured:
        """It is called by its main domain."""
        return Configured(configuration["domain"], configuration)

    def summary(self, spec: Mapping[str, Any]) -> list[LabelledValue]:
        """Sites, storage and mailboxes."""
        shown = [("sites", "Websites", "{}"), ("disk_gb", "Storage", "{} GB"), ("mailboxes", "Mailboxes", "{}")]
        return [labelled(key, label, words.format(spec[key])) for key, label, words in shown if key in spec]


def _plan(size: str, tagline: str, sites: int, disk_gb: int, mailboxes: int, eur: int, usd: int, fee: int) -> PlanSeed:
    return PlanSeed(
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
        recommended=size == "Plus",
    )


Hosting.seeds = (
    _plan("Start", "One site, done well", 1, 10, 5, 400, 500, 0),
    _plan("Plus", "For a handful of sites", 5, 50, 25, 900, 1000, 0),
    _plan("Agency", "For the sites of your clients", 25, 200, 200, 2900, 3200, 1500),
)
TYPE = Hosting()
