"""Settings of billing, from BILLING_… in the environment."""

from collections.abc import Iterator

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from shared.web.findings import Finding, public_address, weak_secret
from shared.web.settings import ServiceSettings, absolute

STRIPE = "https://api.stripe.com"
_SHORTEST_WEBHOOK_SECRET = 24


class BillingSettings(ServiceSettings):
    """What billing needs to run. It refuses to start without a webhook secret: an empty one anybody could sign with."""

    model_config = SettingsConfigDict(env_prefix="BILLING_")

    stripe_secret_key: SecretStr = Field(description="Stripe's secret or restricted API key")
    stripe_webhook_secrets: SecretStr = Field(
        description="signing secrets of the webhook endpoint, comma separated; two while one is being rotated"
    )
    stripe_api_base: str = Field(STRIPE, description="where Stripe's API answers")
    stripe_livemode: bool | None = Field(
        None, description="whether real money moves; when set, it must agree with the key"
    )
    test_clocks: bool = Field(
        False, description="test mode only: whether staff may move an account's business time, and Stripe's with it"
    )
    public_url: str = Field(
        description="the address customers type; they come back there from the payment page",
        examples=["https://cloud.example.com"],
    )

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
        return absolute(value)

    @field_validator("stripe_livemode")
    @classmethod
    def _agrees_with_the_key(cls, value: bool | None, given: ValidationInfo) -> bool | None:
        key = given.data.get("stripe_secret_key")
        if key is not None and value not in (None, _is_live(key)):
            raise ValueError("does not agree with the kind of BILLING_STRIPE_SECRET_KEY (live or test)")
        return value

    @field_validator("test_clocks")
    @classmethod
    def _time_is_moved_in_test_mode_only(cls, value: bool, given: ValidationInfo) -> bool:
        key = given.data.get("stripe_secret_key")
        if value and (given.data.get("environment") == "production" or (key is not None and _is_live(key))):
            raise ValueError("needs a test key and an environment other than production")
        return value

    @property
    def livemode(self) -> bool:
        """Whether real money moves: Stripe's live keys start with sk_live_ or rk_live_."""
        return _is_live(self.stripe_secret_key)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Every signing secret that is valid now."""
        return tuple(secret.strip() for secret in self.stripe_webhook_secrets.get_secret_value().split(","))

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        if not all(_is_webhook_secret(secret) for secret in self.webhook_secrets):
            yield from self.finding("stripe_webhook_secrets", "set the endpoint's whsec_… secret")
        if not self.livemode:
            yield from self.finding("stripe_secret_key", "use a live key; test keys take no money")
        if self.stripe_api_base != STRIPE:
            yield from self.finding("stripe_api_base", "unset it: this is not Stripe")
        yield from self.finding("public_url", public_address(self.public_url))


def _is_webhook_secret(value: str) -> bool:
    made = value.removeprefix("whsec_")
    return made != value and weak_secret(made, _SHORTEST_WEBHOOK_SECRET) is None


def _is_live(key: SecretStr) -> bool:
    return "_live_" in key.get_secret_value()[:9]
