"""Settings of support, from SUPPORT_… in the environment."""

from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.web.settings import ServiceSettings

SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")


class SupportSettings(ServiceSettings):
    """What support needs to run."""

    model_config = SettingsConfigDict(env_prefix="SUPPORT_", extra="ignore", populate_by_name=True, frozen=True)

    signing_key: SecretStr = Field(description="private JWK with which support signs its calls to identity")
    identity_url: str = Field(description="where identity's API answers")
    public_url: str = Field(description="the address customers type, without a final slash; links in mails start here")
    smtp_url: SecretStr = Field(
        description="smtp:// (no encryption), smtp+starttls:// or smtps://, with user:password@ where needed"
    )
    mail_from: str = Field(description="the sender of every mail: an address, or Name <address>")
    mail_concurrency: int = Field(4, ge=1, le=50, description="mails sent at once")

    @field_validator("identity_url", "public_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("must start with https:// or http://")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _reachable(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in SMTP_SCHEMES or not parts.hostname:
            raise ValueError(f"must be {', '.join(f'{scheme}://' for scheme in SMTP_SCHEMES)} with a host")
        return value

    @field_validator("mail_from")
    @classmethod
    def _an_address(cls, value: str) -> str:
        name, address = parseaddr(value)
        if "@" not in address:
            raise ValueError("must be an address, or Name <address>")
        try:
            Address(display_name=name, addr_spec=address)
        except MessageError as error:
            raise ValueError("must be an address, or Name <address>") from error
        return value
