"""Settings of catalog, from CATALOG_… in the environment."""

from collections.abc import Iterator

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.web.findings import Finding, inner_address
from shared.web.settings import ServiceSettings, absolute


class CatalogSettings(ServiceSettings):
    """What catalog needs to run."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    signing_key: SecretStr = Field(description="private JWK with which catalog signs its calls to billing")
    billing_url: str = Field(description="where billing's API answers")

    @field_validator("billing_url")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        return absolute(value)

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        yield from self.finding("billing_url", inner_address(self.billing_url))
