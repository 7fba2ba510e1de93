"""Settings of the gateway, from GATEWAY_… in the environment."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gateway.web.upstream import Service


class GatewaySettings(BaseSettings):
    """What the gateway needs to run."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_", extra="ignore", populate_by_name=True, frozen=True)

    environment: Literal["local", "test", "production"] = Field("production", validation_alias="EZ_ENVIRONMENT")
    log_level: str = Field("INFO", validation_alias="EZ_LOG_LEVEL")
    sentry_dsn: SecretStr | None = Field(None, validation_alias="EZ_SENTRY_DSN")
    release: str = Field("0.1.0", validation_alias="EZ_RELEASE")

    site_name: str = "EZ Solutions"
    public_url: str = Field(description="scheme, host and port that visitors use, without a trailing slash")
    allowed_hosts: str = Field(description="comma-separated Host values that are answered; all others are refused")
    checkout_origin: str = Field("https://checkout.stripe.com", description="where paying may lead a form to")
    csrf_secret: SecretStr = Field(min_length=32)
    signing_key: SecretStr = Field(description="private JWK with which the gateway calls identity")
    trusted_proxies: str = Field("", description="comma-separated addresses whose X-Forwarded-For is believed")
    requests_per_second: float = Field(50, gt=0)
    request_burst: int = Field(200, ge=1)
    dev_mail_url: str | None = Field(None, description="development only: the mail sandbox shown at /dev/mail")

    identity_url: str
    billing_url: str
    catalog_url: str
    provisioning_url: str
    support_url: str

    @field_validator("public_url", "checkout_origin", "identity_url", "billing_url", "catalog_url", "support_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    def upstreams(self) -> dict[Service, str]:
        """Each service's own address."""
        return {
            "identity": self.identity_url,
            "billing": self.billing_url,
            "catalog": self.catalog_url,
            "provisioning": self.provisioning_url.rstrip("/"),
            "support": self.support_url,
        }

    def hosts(self) -> frozenset[str]:
        """The Host values that are answered."""
        return frozenset(host.strip().lower() for host in self.allowed_hosts.split(",") if host.strip())

    @property
    def secure(self) -> bool:
        """Whether visitors come over TLS."""
        return urlsplit(self.public_url).scheme == "https"
