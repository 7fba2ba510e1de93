"""Virtual servers: a machine with a host name, an operating system, and a way in."""

from collections.abc import Callable, Mapping
from typing import Any

from services.catalog.product_types.base import (
    BadConfiguration,
    Configuration,
    Configured,
    Options,
    ProductType,
    Unit,
    choices,
    labelled,
)
from services.catalog.product_types.hostnames import LONGEST, checked_hostname, numbered, suggested
from services.catalog.product_types.plan_seeds import PlanSeed
from shared.contracts.reads.catalog import FieldView
from shared.contracts.reads.common import LabelledValue
from shared.kernel import FieldError
from shared.kernel.ssh_keys import parse_public_key

MOST_KEYS = 20
OS_TEMPLATES = (
    ("debian-13", "Debian 13"),
    ("debian-12", "Debian 12"),
    ("ubuntu-24-04", "Ubuntu 24.04 LTS"),
    ("almalinux-9", "AlmaLinux 9"),
)


class Vps(ProductType):
    """A virtual server. Several of one item are numbered: web.example.com is web-1.example.com, web-2.example.com."""

    code = "vps"
    name = "Virtual server"
    unit = "server"
    units = "servers"
    group = "Virtual servers"
    max_quantity = 10

    def fields(self, options: Options) -> list[FieldView]:
        """Host name, operating system, region (when there is a choice), SSH keys, root password."""
        systems, regions = choices(options, "template"), choices(options, "region")
        asked = [
            FieldView(
                key="hostname",
                label="Host name",
                kind="text",
                help="Letters, digits and hyphens in parts separated by dots. Left empty, we make one up.",
                placeholder="web.example.com",
                max_length=LONGEST,
            ),
            FieldView(
                key="template",
                label="Operating system",
                kind="choice",
                choices=systems,
                default=systems[0].value if systems else "",
            ),
        ]
        if regions:
            asked.append(
                FieldView(key="region", label="Region", kind="choice", choices=regions, default=regions[0].value)
            )
        return [
            *asked,
            FieldView(
                key="ssh_keys",
                label="SSH keys",
                kind="ssh_keys",
                help="Public keys that may sign in as root: the line from the file that ends in .pub.",
            ),
            FieldView(
                key="root_password",
                label="One-time root password",
                kind="flag",
                help="We make a password for root and show it once. With an SSH key you do not need one.",
            ),
        ]

    def checked(self, key: str, value: Any) -> Any:
        """Host names by RFC 1123; public keys as clean lines, each once."""
        if key == "hostname":
            try:
                return checked_hostname(value)
            except ValueError as error:
                raise ValueError(f"Not a host name: {error}.") from error
        return _clean_keys(value) if key == "ssh_keys" else value

    def complete(self, configuration: dict[str, Any]) -> Configured:
        """A server nobody named gets a name."""
        named = "hostname" in configuration
        hostname = configuration.get("hostname") or suggested(self.code)
        return Configured(hostname, {**configuration, "hostname": hostname}, named=named)

    def check(self, configured: Configured, quantity: int, spec: Mapping[str, Any]) -> None:
        """The numbered names must be host names too."""
        try:
            checked_hostname(numbered(configured.name, quantity, quantity))
        except ValueError as error:
            raise BadConfiguration({"hostname": f"With a number it is not a host name any more: {error}."}) from error

    def told_apart(self, configured: Configured, quantity: int) -> list[Unit]:
        """Each server has a host name of its own."""
        names = [numbered(configured.name, ordinal, quantity) for ordinal in range(1, quantity + 1)]
        return [Unit(name, {"hostname": name}) for name in names]

    def value_in_words(self, asked: FieldView, value: Any) -> str:
        """A key is told by its comment and its fingerprint."""
        if asked.kind == "ssh_keys":
            keys = [parse_public_key(line) for line in value]
            return ", ".join(f"{key.comment} ({key.fingerprint})" if key.comment else key.fingerprint for key in keys)
        return super().value_in_words(asked, value)

    def summary(self, spec: Mapping[str, Any]) -> list[LabelledValue]:
        """Processors, memory, disk and traffic."""
        shown = []
        for key, label, words in _SIZES:
            if key in spec:
                shown.append(labelled(key, label, words(spec[key])))
        return shown

    def advice(self, configuration: Configuration) -> list[FieldError]:
        """A server without a key and without a password cannot be entered."""
        if configuration.get("ssh_keys") or configuration.get("root_password"):
            return []
        words = "Without an SSH key or a one-time root password nobody can sign in to the server."
        return [FieldError("ssh_keys", words)]

    def change_refused(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
        """A disk cannot become smaller."""
        if after.get("disk_gb", 0) < before.get("disk_gb", 0):
            return f"The disk cannot shrink from {before['disk_gb']} to {after.get('disk_gb', 0)} GB."
        return None


def _clean_keys(lines: list[str]) -> list[str]:
    if len(lines) > MOST_KEYS:
        raise ValueError(f"At most {MOST_KEYS} SSH keys fit one server.")
    keys: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        try:
            key = parse_public_key(line)
        except ValueError as error:
            raise ValueError(f"Key {number}: {error}" if len(lines) > 1 else str(error)) from error
        keys.setdefault(key.fingerprint, key.line)
    return list(keys.values())


def _memory(megabytes: int) -> str:
    return f"{megabytes // 1024} GB" if megabytes % 1024 == 0 else f"{megabytes} MB"


_SIZES: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("cores", "Processors", "{} vCPU".format),
    ("memory_mb", "Memory", _memory),
    ("disk_gb", "Storage", "{} GB NVMe".format),
    ("transfer_tb", "Traffic", "{} TB per month".format),
)


def _plan(
    size: str, tagline: str, cores: int, memory_gb: int, disk_gb: int, transfer_tb: int, eur: int, usd: int, fee: int
) -> PlanSeed:
    return PlanSeed(
        code=f"vps-{size.lower()}",
        name=f"VPS {size}",
        tagline=tagline,
        description=f"A virtual server with {cores} vCPU, {memory_gb} GB of memory and {disk_gb} GB of NVMe storage.",
        features=("One IPv4 address", "Root access and your own kernel"),
        spec={"cores": cores, "memory_mb": memory_gb * 1024, "disk_gb": disk_gb, "transfer_tb": transfer_tb},
        per_month={"EUR": eur, "USD": usd},
        setup_fee={"EUR": fee, "USD": fee} if fee else {},
        availability="open",
        recommended=size == "M",
        options={"template": OS_TEMPLATES},
    )


Vps.seeds = (
    _plan("S", "A first server, a bot, a small site", 1, 2, 40, 2, 500, 600, 0),
    _plan("M", "For a shop or a busy application", 2, 4, 80, 4, 1200, 1400, 0),
    _plan("L", "Databases and several services", 4, 8, 160, 8, 2400, 2700, 0),
    _plan("XL", "Builds, analytics, heavy traffic", 8, 16, 320, 16, 4800, 5400, 1000),
)
TYPE = Vps()
