"""Pages written from the settings classes: the reference, and what an operator fills in for docker-compose.yml."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from textwrap import fill, indent

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from ez.services import NAMES, settings_class
from ez.settings import CommandSettings
from gateway.settings import GatewaySettings
from shared.web.settings import ProcessSettings, ServiceSettings

_USED = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::([-?])([^}]*))?\}|^ +([A-Z][A-Z0-9_]*):(?: #.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable. `owner` is the class that declares it, by its title in the reference."""

    owner: str
    variable: str
    field: FieldInfo

    @property
    def secret(self) -> bool:
        """Whether it is never printed."""
        return "SecretStr" in str(self.field.annotation) + str(self.field.metadata)

    @property
    def default(self) -> str:
        """The default in words."""
        if self.field.is_required():
            return "**required**"
        if self.field.default in (None, ""):
            return "unset"
        return f"`{self.field.default}`"


def settings() -> Iterator[Setting]:
    """Every setting of every process, once, by its owner."""
    kinds: list[tuple[str, type[BaseSettings], type[BaseSettings] | None]] = [
        ("Every process", ProcessSettings, None),
        ("Every service", ServiceSettings, ProcessSettings),
        ("Commands", CommandSettings, None),
        ("Gateway", GatewaySettings, ProcessSettings),
        *((name.capitalize(), settings_class(name), ServiceSettings) for name in NAMES),
    ]
    for title, kind, above in kinds:
        inherited = set(above.model_fields) if above is not None else set()
        for name, field in kind.model_fields.items():
            if name not in inherited:
                yield Setting(title, _variable(kind, name, field), field)


def _variable(kind: type[BaseSettings], name: str, field: FieldInfo) -> str:
    prefix = kind.model_config.get("env_prefix") or "<SERVICE>_"
    return str(field.validation_alias or f"{prefix}{name.upper()}")


def settings_reference(head: str) -> str:
    """Every environment variable, by owner."""
    parts = [head, "# Settings\n\nAll settings come from the environment. Secrets are marked and never printed.\n"]
    title = ""
    for setting in settings():
        if setting.owner != title:
            title = setting.owner
            parts.append(f"\n## {title}\n\n| variable | default | meaning |\n|---|---|---|\n")
        meaning = f"{setting.field.description}{' (secret)' if setting.secret else ''}"
        parts.append(f"| `{setting.variable}` | {setting.default} | {meaning} |\n")
    return "".join(parts)


_HEAD = """\
# Settings of docker-compose.yml, written from the settings classes by `make docs`. Copy to .env (never committed), fill
# in what has no value yet, then append passwords and keys:
#   cp .env.example .env && chmod 600 .env && python -m deploy.compose.new_env >> .env
# `ez check --deploy` refuses what must not go to production.

# The gateway's port on this machine (127.0.0.1; a TLS proxy belongs in front of it).
PORT=8000
"""

_SANDBOX = """
# Instead of the above, with `docker compose --profile sandbox up`:
# EZ_ENVIRONMENT=local
# GATEWAY_PUBLIC_URL=http://127.0.0.1:8000
# GATEWAY_ALLOWED_HOSTS=127.0.0.1,localhost,gateway
# GATEWAY_CHECKOUT_ORIGIN=http://127.0.0.1:8010
# GATEWAY_DEV_MAIL_URL=http://mail:8013
# BILLING_STRIPE_SECRET_KEY=sk_test_sandbox
# BILLING_STRIPE_WEBHOOK_SECRETS=whsec_sandbox
# BILLING_STRIPE_API_BASE=http://stripe:8010
# PROVISIONING_PROXMOX_URL=http://hypervisor:8011
# PROVISIONING_PROXMOX_TOKEN=ez@pve!provisioning=2f0c8f4e-6a55-4c1b-9f0e-5b1d3c7a9e10
# SUPPORT_SMTP_URL=smtp://mail:8012
"""


def compose_form(compose: str, generated: Collection[str]) -> str:
    """What an operator fills in for docker-compose.yml, whose text is given; `generated` are made by new_env.

    A variable that has to be set has its example or nothing after the sign; one that need not be is commented out.
    """
    known = {setting.variable: setting for setting in settings()}
    wanted: dict[str, bool] = {}
    for name, sign, _rest, passed_on in _USED.findall(compose):
        variable = name or passed_on
        if variable in known and variable not in generated:
            wanted[variable] = wanted.get(variable, False) or sign == "?"
    parts = [_HEAD]
    for variable in sorted(wanted, key=list(known).index):
        field = known[variable].field
        example = str((field.examples or [""])[0])
        quoted = f'"{example}"' if " " in example else example
        begin, default = ("", quoted) if wanted[variable] else ("# ", "" if field.default is None else field.default)
        description = str(field.description)
        parts.append(f"\n# {description[0].upper()}{description[1:]}.\n{begin}{variable}={default}\n")
    appended = fill(f"Appended by deploy.compose.new_env: {', '.join(generated)}.", 118)
    parts.append(f"{_SANDBOX}\n{indent(appended, '# ')}\n")
    return "".join(parts)
