"""Settings of identity, from IDENTITY_… in the environment."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.web.settings import ServiceSettings

_SHORTEST_SECRET = 32
_FEWEST_CHARACTERS = 12


class IdentitySettings(ServiceSettings):
    """What identity needs to run."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", extra="ignore", populate_by_name=True, frozen=True)

    signing_key: SecretStr = Field(description="private JWK that signs people's internal tokens")
    public_url: str = Field(description="the address customers type, without a final slash; links in mails start here")
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
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        return value

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must start with https:// (or http:// in development)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _strict_in_production(self) -> Self:
        if self.environment != "production":
            return self
        if not self.public_url.startswith("https://"):
            raise ValueError("IDENTITY_PUBLIC_URL must be https:// in production")
        if len(set(self.link_secret.get_secret_value())) < _FEWEST_CHARACTERS:
            raise ValueError("IDENTITY_LINK_SECRET is too uniform to be random")
        return self
