"""Settings of provisioning, from PROVISIONING_… in the environment."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.provisioning.adapters.proxmox import ApiToken, ProxmoxSettings
from shared.web.findings import Finding, is_loopback, is_placeholder, weak_secret
from shared.web.settings import ServiceSettings

# The hypervisor sandbox's own, which everybody can read in its sources.
PUBLISHED_TOKEN = "2f0c8f4e-6a55-4c1b-9f0e-5b1d3c7a9e10"  # noqa: S105 - it opens only that stand-in
_SHORTEST_TOKEN = 32
TEMPLATES = {"debian-12": 9000, "ubuntu-24-04": 9001, "almalinux-9": 9002, "debian-13": 9003}


class ProvisioningSettings(ServiceSettings):
    """What provisioning needs to run."""

    model_config = SettingsConfigDict(env_prefix="PROVISIONING_")

    proxmox_url: str = Field(description="the Proxmox VE API", examples=["https://pve.example.com:8006"])
    proxmox_token: SecretStr = Field(description="an API token as user@realm!name=secret")
    proxmox_node: str = Field("pve1", min_length=1, description="the node where new machines are made")
    proxmox_verify: str = Field(
        "true", description="true: the system's certificate authorities; a path: a PEM file with those to trust instead"
    )
    proxmox_fingerprint: str | None = Field(
        None, description="SHA-256 of the server's own certificate, in place of any authority"
    )
    templates: dict[str, int] = Field(
        TEMPLATES, description="JSON: the catalogue's template id → VM id of the template"
    )
    concurrency: int = Field(4, ge=1, le=64, description="jobs one worker process runs beside each other")

    @field_validator("proxmox_token")
    @classmethod
    def _token_has_both_parts(cls, token: SecretStr) -> SecretStr:
        name, _, secret = token.get_secret_value().partition("=")
        if "@" not in name or "!" not in name or not secret:
            raise ValueError("must be user@realm!name=secret")
        return token

    @field_validator("proxmox_verify")
    @classmethod
    def _certificates_are_checked(cls, verify: str) -> str:
        if verify != "true" and not Path(verify).is_file():
            raise ValueError("must be true or a PEM file; for a self-signed server set the fingerprint instead")
        return verify

    def proxmox(self) -> ProxmoxSettings:
        """What the connector needs. Raises ValueError when the address or the checks contradict each other."""
        name, _, secret = self.proxmox_token.get_secret_value().partition("=")
        return ProxmoxSettings(
            url=self.proxmox_url,
            node=self.proxmox_node,
            credentials=ApiToken(name, secret),
            ca_file=None if self.proxmox_verify == "true" else self.proxmox_verify,
            fingerprint=self.proxmox_fingerprint or None,
            templates=self.templates,
            allow_http=self.environment != "production",
        )

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        hypervisor = urlsplit(self.proxmox_url)
        if hypervisor.scheme != "https" or is_loopback(hypervisor.hostname) or is_placeholder(hypervisor.hostname):
            yield from self.finding("proxmox_url", "use the https:// address of your Proxmox VE")
        secret = self.proxmox_token.get_secret_value().partition("=")[2]
        if secret == PUBLISHED_TOKEN:
            yield from self.finding("proxmox_token", "this token is published with the sandbox; make one of your own")
        else:
            yield from self.finding("proxmox_token", weak_secret(secret, _SHORTEST_TOKEN))
