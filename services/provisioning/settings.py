"""Settings of provisioning, from PROVISIONING_… in the environment."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.provisioning.adapters.connectors import Place, proxmox_settings
from services.provisioning.adapters.proxmox import ProxmoxSettings
from services.provisioning.adapters.sealing import Sealer, read_keys
from services.provisioning.adapters.secret_refs import SecretRefs
from services.provisioning.use_cases.providers import ProviderFields
from shared.web.findings import Finding, is_loopback, is_placeholder, weak_secret
from shared.web.settings import ServiceSettings

# The hypervisor sandbox's own, which everybody can read in its sources.
PUBLISHED_TOKEN = "2f0c8f4e-6a55-4c1b-9f0e-5b1d3c7a9e10"  # noqa: S105 - it opens only that stand-in
FIRST_SECRET = "PROVISIONING_PROXMOX_TOKEN"  # noqa: S105 - a name, not a secret
_SHORTEST_TOKEN = 32
TEMPLATES = {"debian-12": 9000, "ubuntu-24-04": 9001, "almalinux-9": 9002, "debian-13": 9003}


class ProvisioningSettings(ServiceSettings):
    """What provisioning needs to run."""

    model_config = SettingsConfigDict(env_prefix="PROVISIONING_")

    proxmox_url: str | None = Field(
        None,
        description="the first provider: its Proxmox VE API; it becomes a row once, and further ones are made in the "
        "console",
        examples=["https://pve.example.com:8006"],
    )
    proxmox_token: SecretStr | None = Field(None, description="its API token as user@realm!name=secret")
    proxmox_node: str = Field("pve1", min_length=1, description="the node where its new machines are made")
    proxmox_verify: str = Field(
        "true", description="true: the system's certificate authorities; a path: a PEM file with those to trust instead"
    )
    proxmox_fingerprint: str | None = Field(
        None, description="SHA-256 of the server's own certificate, in place of any authority"
    )
    templates: dict[str, int] = Field(
        TEMPLATES, description="JSON: the catalogue's template id → VM id of the template"
    )
    secrets_dir: Path = Field(
        Path("/run/secrets"), description="the only folder from which secrets of providers (file:…) are read"
    )
    secrets_key: SecretStr | None = Field(
        None,
        description="base64 of 32 random bytes that seal one-time passwords; several, comma separated: the first seals",
    )
    termination_grace: timedelta = Field(
        timedelta(days=7), ge=timedelta(0), description="how long the data of an ended service is kept, as P7D"
    )
    concurrency: int = Field(4, ge=1, le=64, description="jobs one worker process runs beside each other")

    @field_validator("proxmox_token")
    @classmethod
    def _token_has_both_parts(cls, token: SecretStr | None) -> SecretStr | None:
        if token is None:
            return None
        name, _, secret = token.get_secret_value().partition("=")
        if "@" not in name or "!" not in name or not secret:
            raise ValueError("must be user@realm!name=secret")
        return token

    @field_validator("secrets_key")
    @classmethod
    def _keys_are_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        read_keys(keys.get_secret_value() if keys is not None else "")
        return keys

    @field_validator("proxmox_verify")
    @classmethod
    def _certificates_are_checked(cls, verify: str) -> str:
        if verify != "true" and not Path(verify).is_file():
            raise ValueError("must be true or a PEM file; for a self-signed server set the fingerprint instead")
        return verify

    @model_validator(mode="after")
    def _first_provider_is_whole(self) -> "ProvisioningSettings":
        if (self.proxmox_url is None) != (self.proxmox_token is None):
            raise ValueError("proxmox_url and proxmox_token belong together")
        return self

    def first_provider(self) -> ProviderFields | None:
        """The provider these settings describe; it becomes a row once, and the row counts from then on."""
        if self.proxmox_url is None:
            return None
        settings = {
            "node": self.proxmox_node,
            "ca_file": None if self.proxmox_verify == "true" else self.proxmox_verify,
            "fingerprint": self.proxmox_fingerprint or None,
            "templates": self.templates,
        }
        return ProviderFields(
            kind="proxmox",
            endpoint=self.proxmox_url,
            secret_ref=f"env:{FIRST_SECRET}",
            product_types=("vps",),
            settings={name: value for name, value in settings.items() if value is not None},
        )

    def proxmox(self) -> ProxmoxSettings:
        """What its connector is told. Raises ValueError when the address or the checks contradict each other."""
        first = self.first_provider()
        if first is None or self.proxmox_token is None:
            raise ValueError("the environment describes no provider")
        secret = self.proxmox_token.get_secret_value()
        return proxmox_settings(
            Place("proxmox", first.endpoint, secret, first.settings, self.environment == "production")
        )

    def secret_refs(self) -> SecretRefs:
        """Where secrets of providers may be."""
        token = self.proxmox_token
        return SecretRefs({FIRST_SECRET: token.get_secret_value()} if token is not None else {}, self.secrets_dir)

    def sealer(self) -> Sealer:
        """What seals one-time secrets."""
        return Sealer(read_keys(self.secrets_key.get_secret_value() if self.secrets_key is not None else ""))

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        if self.proxmox_url is not None and self.proxmox_token is not None:
            hypervisor = urlsplit(self.proxmox_url)
            if hypervisor.scheme != "https" or is_loopback(hypervisor.hostname) or is_placeholder(hypervisor.hostname):
                yield from self.finding("proxmox_url", "use the https:// address of your Proxmox VE")
            secret = self.proxmox_token.get_secret_value().partition("=")[2]
            if secret == PUBLISHED_TOKEN:
                yield from self.finding("proxmox_token", "this token is published with the sandbox; make your own")
            else:
                yield from self.finding("proxmox_token", weak_secret(secret, _SHORTEST_TOKEN))
        if self.secrets_key is None:
            advice = "set it (openssl rand -base64 32): without it no server can be sold with a one-time password"
            yield from self.finding("secrets_key", advice)
