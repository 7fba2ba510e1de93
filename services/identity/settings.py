"""Settings of identity, from IDENTITY_… in the environment."""

from collections.abc import Iterator

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from shared.web.findings import Finding, public_address, weak_secret
from shared.web.settings import ServiceSettings, absolute

_SHORTEST_SECRET = 32
_FEWEST_CHARACTERS = 12


class IdentitySettings(ServiceSettings):
    """What identity needs to run."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_")

    signing_key: SecretStr = Field(description="private JWK that signs people's internal tokens")
    public_url: str = Field(
        description="the address customers type; links in mails start here", examples=["https://cloud.example.com"]
    )
    link_secret: SecretStr = Field(description="signs the links in mails; at least 32 random characters")
    sign_ups_per_ip: int = Field(200, ge=1, description="sign-ups accepted from one network address in an hour")
    mail_requests_per_ip: int = Field(200, ge=1, description="mails asked for from one network address in an hour")
    answer_floor: float = Field(
        0.15,
        ge=0,
        le=5,
        description="seconds that answers which must not betray a known address take at least",
    )
    hashing_slots: int = Field(2, ge=1, le=64, description="passwords hashed at once; each takes 19 MiB")

    @field_validator("link_secret")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr, given: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        if len(secret) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        if given.data.get("environment") == "production" and len(set(secret)) < _FEWEST_CHARACTERS:
            raise ValueError("is too uniform to be random")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_absolute(cls, value: str, given: ValidationInfo) -> str:
        if given.data.get("environment") == "production" and not value.startswith("https://"):
            raise ValueError("must be https:// in production")
        return absolute(value)

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        yield from self.finding("public_url", public_address(self.public_url))
        yield from self.finding("link_secret", weak_secret(self.link_secret.get_secret_value()))
