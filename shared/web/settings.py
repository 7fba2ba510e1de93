"""Settings come from the environment only, fail loudly at start, and hide their secrets when printed.

Each service subclasses `ServiceSettings` with its own prefix; what all of them share is named `EZ_…`.
"""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Environment = Literal["local", "test", "production"]


class ServiceSettings(BaseSettings):
    """What every service needs to run."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True, frozen=True)

    environment: Environment = Field("production", validation_alias="EZ_ENVIRONMENT")
    broker_url: SecretStr | None = Field(None, validation_alias="EZ_BROKER_URL", description="amqp:// address")
    token_keys: str = Field(validation_alias="EZ_TOKEN_KEYS", description="JWKS with the issuers' public keys")
    log_level: str = Field("INFO", validation_alias="EZ_LOG_LEVEL")
    sentry_dsn: SecretStr | None = Field(None, validation_alias="EZ_SENTRY_DSN")
    release: str = Field("0.1.0", validation_alias="EZ_RELEASE")
    product_types: str = Field(
        "vps,hosting,domain,certificate",
        validation_alias="EZ_PRODUCT_TYPES",
        description="what is sold, comma separated: names of built-in types, or packages with a module per service",
    )
    crash_at: str = Field("", validation_alias="EZ_CRASH_AT", description="tests only: die at this named point")

    database_url: SecretStr = Field(description="postgresql:// address with the service's own role")
    signing_key: SecretStr | None = Field(None, description="private JWK with which this service signs its calls")
    pool_size: int = Field(8, ge=1, le=100)
