"""Settings of support, from SUPPORT_… in the environment."""

from collections.abc import Iterator
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from shared.web.findings import Finding, inner_address, is_loopback, is_placeholder, is_private, public_address
from shared.web.settings import ServiceSettings, absolute

SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")


class SupportSettings(ServiceSettings):
    """What support needs to run."""

    model_config = SettingsConfigDict(env_prefix="SUPPORT_")

    signing_key: SecretStr = Field(description="private JWK with which support signs its calls to identity")
    identity_url: str = Field(description="where identity's API answers")
    public_url: str = Field(
        description="the address customers type; links in mails start here", examples=["https://cloud.example.com"]
    )
    smtp_url: SecretStr = Field(
        description="the mail server: smtp:// (no TLS), smtp+starttls:// or smtps://; user:password@ where needed",
        examples=["smtp+starttls://user:password@smtp.example.com:587"],
    )
    mail_from: str = Field(
        description="the sender of every mail: an address, or Name <address>",
        examples=["Example Cloud <support@example.com>"],
    )
    mail_concurrency: int = Field(4, ge=1, le=50, description="mails sent at once")

    @field_validator("identity_url", "public_url")
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        return absolute(value)

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

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        yield from self.finding("identity_url", inner_address(self.identity_url))
        yield from self.finding("public_url", public_address(self.public_url))
        yield from self.finding("smtp_url", _mail_server(self.smtp_url.get_secret_value()))
        if is_placeholder(parseaddr(self.mail_from)[1].rpartition("@")[2]):
            yield from self.finding("mail_from", "this is an example's address; use your own")


def _mail_server(url: str) -> str | None:
    """Advice unless mail goes to a server of one's own, and neither mails nor a password can be read on the way."""
    parts = urlsplit(url)
    if is_loopback(parts.hostname) or is_placeholder(parts.hostname):
        return "name your mail server: smtps://user:password@host:465"
    if parts.scheme == "smtp" and (parts.password or not is_private(parts.hostname)):
        return "use smtps:// or smtp+starttls://: password and mails are readable on the way"
    return None
