"""Settings of catalog, from CATALOG_… in the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.web.settings import ServiceSettings


class CatalogSettings(ServiceSettings):
    """What catalog needs to run."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_", extra="ignore", populate_by_name=True, frozen=True)

    signing_key: SecretStr = Field(description="private JWK with which catalog signs its calls to billing")
    billing_url: str = Field(pattern=r"^https?://[^/]+/?$", description="http:// address of billing's API")
    billing_timeout: float = Field(15.0, gt=0, le=60, description="seconds to wait for billing to open a payment page")
