"""Settings of billing, from BILLING_… in the environment."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.web.settings import ServiceSettings


class BillingSettings(ServiceSettings):
    """What billing needs to run. It refuses to start without a webhook secret: an empty one anybody could sign with."""

    model_config = SettingsConfigDict(env_prefix="BILLING_", extra="ignore", populate_by_name=True, frozen=True)

    stripe_secret_key: SecretStr = Field(description="Stripe's secret or restricted API key")
    stripe_webhook_secrets: SecretStr = Field(
        description="signing secrets of the webhook endpoint, comma separated; two while one is being rotated"
    )
    stripe_api_base: str = Field("https://api.stripe.com", description="where Stripe's API answers")
    stripe_livemode: bool | None = Field(None, description="whether real money moves; by default what the key says")
    test_clocks: bool = Field(
        False, description="test mode only: whether staff may move an account's business time, and Stripe's with it"
    )
    public_url: str = Field(description="the address customers type; they come back there from the payment page")

    @field_validator("stripe_secret_key")
    @classmethod
    def _key_is_given(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().strip():
            raise ValueError("must not be empty")
        return value

    @field_validator("stripe_webhook_secrets")
    @classmethod
    def _secrets_are_given(cls, value: SecretStr) -> SecretStr:
        if not all(secret.strip() for secret in value.get_secret_value().split(",")):
            raise ValueError("must hold one or more non-empty secrets, separated by commas")
        return value

    @field_validator("stripe_api_base", "public_url")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be an absolute http(s) address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _mode_agrees_with_key(self) -> "BillingSettings":
        if self.stripe_livemode not in (None, self.livemode):
            raise ValueError("stripe_livemode and the kind of stripe_secret_key (live or test) differ")
        return self

    @model_validator(mode="after")
    def _time_is_moved_in_test_mode_only(self) -> "BillingSettings":
        if self.test_clocks and (self.livemode or self.environment == "production"):
            raise ValueError("test_clocks needs a test key and an environment other than production")
        return self

    @property
    def livemode(self) -> bool:
        """Whether real money moves: Stripe's live keys start with sk_live_ or rk_live_."""
        return "_live_" in self.stripe_secret_key.get_secret_value()[:9]

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Every signing secret that is valid now."""
        return tuple(secret.strip() for secret in self.stripe_webhook_secrets.get_secret_value().split(","))
