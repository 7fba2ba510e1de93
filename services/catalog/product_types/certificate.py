"""TLS certificates: for one name, or for a domain and every name below it."""

from collections.abc import Mapping
from typing import Any

from services.catalog.product_types.base import Configured, Options, ProductType, labelled
from services.catalog.product_types.hostnames import LONGEST, checked_domain
from services.catalog.product_types.plan_seeds import PlanSeed
from shared.contracts.reads.catalog import FieldView
from shared.contracts.reads.common import LabelledValue


class Certificate(ProductType):
    """A certificate is for a name, so an item is for one."""

    code = "certificate"
    name = "TLS certificate"
    unit = "certificate"
    units = "certificates"
    group = "TLS certificates"

    def fields(self, options: Options) -> list[FieldView]:
        """The name it is for."""
        return [
            FieldView(
                key="name",
                label="Name",
                kind="text",
                help="The host name or domain the certificate is for, without *.",
                placeholder="www.example.com",
                required=True,
                max_length=LONGEST,
            )
        ]

    def checked(self, key: str, value: Any) -> Any:
        """A certificate is for a host name of at least two parts."""
        return checked_domain(value)

    def complete(self, configuration: dict[str, Any]) -> Configured:
        """It is called by the name it is for."""
        return Configured(configuration["name"], configuration)

    def summary(self, spec: Mapping[str, Any]) -> list[LabelledValue]:
        """Which names it covers and how they are checked."""
        shown = [
            labelled("covers", "Covers", "A domain and every name below it" if spec.get("wildcard") else "One name")
        ]
        if "validation" in spec:
            shown.append(labelled("validation", "Validation", str(spec["validation"]).capitalize()))
        return shown


def _plan(code: str, name: str, tagline: str, names: str, wildcard: bool, eur: int, usd: int) -> PlanSeed:
    return PlanSeed(
        code=f"certificate-{code}",
        name=name,
        tagline=tagline,
        description=f"A domain-validated TLS certificate for {names}, renewed before it ends.",
        features=(f"For {names}", "Domain validation by DNS", "Renewed by itself", "Checked after every renewal"),
        spec={"validation": "domain", "wildcard": wildcard},
        per_month={"EUR": eur, "USD": usd},
    )


Certificate.seeds = (
    _plan("single", "Certificate", "For one name", "one name", False, 200, 250),
    _plan(
        "wildcard",
        "Wildcard certificate",
        "For a domain and all of its names",
        "a domain and every name below it",
        True,
        700,
        800,
    ),
)
TYPE = Certificate()
