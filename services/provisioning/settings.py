"""Settings of provisioning, from PROVISIONING_… in the environment."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from services.provisioning.adapters.proxmox import ApiToken, ProxmoxSettings
from shared.web.settings import ServiceSettings

TEMPLATES = {"debian-12": 9000, "ubuntu-24-04": 9001, "almalinux-9": 9002, "debian-13": 9003}


class ProvisioningSettings(ServiceSettings):
    """What provisioning needs to run."""

    model_config = SettingsConfigDict(env_prefix="PROVISIONING_", extra="ignore", populate_by_name=True, frozen=True)

    proxmox_url: str = Field(description="the Proxmox VE API, such as https://pve.example.net:8006")
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

    @field_validator("proxmox_fingerprint")
    @classmethod
    def _empty_is_unset(cls, fingerprint: str | None) -> str | None:
        return fingerprint or None

    def proxmox(self) -> ProxmoxSettings:
        """What the connector needs. Raises ValueError when the address or the checks contradict each other."""
        name, _, secret = self.proxmox_token.get_secret_value().partition("=")
        return ProxmoxSettings(
            url=self.proxmox_url,
            node=self.proxmox_node,
            credentials=ApiToken(name, secret),
            ca_file=None if self.proxmox_verify == "true" else self.proxmox_verify,
            fingerprint=self.proxmox_fingerprint,
            templates=self.templates,
            allow_http=self.environment != "production",
        )
