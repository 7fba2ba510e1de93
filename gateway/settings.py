"""Settings of the gateway, from GATEWAY_… in the environment."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from gateway.web.upstream import Service
from shared.web.findings import Finding, inner_address, is_loopback, is_placeholder, public_address, weak_secret
from shared.web.keys import key_fault, read_key_set, read_signing_key
from shared.web.settings import ProcessSettings, absolute

CHECKOUT = "https://checkout.stripe.com"
_SERVICES: tuple[Service, ...] = ("identity", "billing", "catalog", "provisioning", "support")
# A network of proxies that is larger than this (bits of its prefix) holds strangers: 10.0.0.0/8, 2000::/16.
_LARGEST_IPV4, _LARGEST_IPV6 = 8, 16


class GatewaySettings(ProcessSettings):
    """What the gateway needs to run."""

    model_config = SettingsConfigDict(env_prefix="GATEWAY_")

    site_name: str = Field("EZ Solutions", min_length=1, description="the name in titles and on every page")
    public_url: str = Field(
        description="scheme, host and port that visitors use", examples=["https://cloud.example.com"]
    )
    allowed_hosts: str = Field(
        description="comma-separated Host values that are answered; all others are refused",
        examples=["cloud.example.com"],
    )
    checkout_origin: str = Field(CHECKOUT, description="where paying may lead a form to")
    csrf_secret: SecretStr = Field(min_length=32, description="signs the tokens in forms; the same on every replica")
    signing_key: SecretStr = Field(description="private JWK with which the gateway calls identity")
    token_keys: str | None = Field(
        None,
        validation_alias="EZ_TOKEN_KEYS",
        description="JWKS with the issuers' public keys; only to check that its own is among them",
    )
    trusted_proxies: str = Field(
        "", description="comma-separated addresses and networks whose X-Forwarded-For is believed"
    )
    requests_per_second: float = Field(
        50, gt=0, description="requests of one network address, and of one account, on average"
    )
    request_burst: int = Field(200, ge=1, description="requests of one network address, and of one account, at once")
    streams_per_account: int = Field(20, ge=1, description="live streams one account may keep open")
    streams_per_address: int = Field(60, ge=1, description="live streams one network address may keep open")
    streams_in_all: int = Field(2000, ge=1, description="live streams one gateway process keeps open")
    dev_mail_url: str | None = Field(None, description="development only: the mail sandbox shown at /dev/mail")

    identity_url: str = Field(description="where identity's API answers")
    billing_url: str = Field(description="where billing's API answers")
    catalog_url: str = Field(description="where catalog's API answers")
    provisioning_url: str = Field(description="where provisioning's API answers")
    support_url: str = Field(description="where support's API answers")

    @field_validator("public_url", "checkout_origin", *(f"{service}_url" for service in _SERVICES))
    @classmethod
    def _is_absolute(cls, value: str) -> str:
        return absolute(value)

    @field_validator("signing_key")
    @classmethod
    def _a_private_key(cls, value: SecretStr) -> SecretStr:
        read_signing_key(value.get_secret_value())
        return value

    @field_validator("token_keys")
    @classmethod
    def _public_keys(cls, value: str | None) -> str | None:
        if value is not None:
            read_key_set(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for item in _listed(value):
            if item != "*" and not _is_network(item):
                raise ValueError("must be addresses and networks such as 10.0.0.0/8, separated by commas")
        return value

    def upstreams(self) -> dict[Service, str]:
        """Each service's own address."""
        return {service: str(getattr(self, f"{service}_url")) for service in _SERVICES}

    def hosts(self) -> frozenset[str]:
        """The Host values that are answered."""
        return frozenset(host.lower() for host in _listed(self.allowed_hosts))

    @property
    def secure(self) -> bool:
        """Whether visitors come over TLS."""
        return urlsplit(self.public_url).scheme == "https"

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        yield from self.finding("public_url", public_address(self.public_url))
        yield from self.finding("allowed_hosts", self._hosts_fault())
        yield from self.finding("csrf_secret", weak_secret(self.csrf_secret.get_secret_value()))
        if any(_too_large(item) for item in _listed(self.trusted_proxies)):
            yield from self.finding("trusted_proxies", "name your proxies: anybody could say where they come from")
        if self.dev_mail_url is not None:
            yield from self.finding("dev_mail_url", "unset it: it shows everybody's mail")
        if public_address(self.checkout_origin) is not None:
            yield from self.finding("checkout_origin", "unset it, or name your own https:// checkout domain")
        if self.token_keys is None:
            yield from self.finding("token_keys", "set it, so that the gateway's own key can be compared with it")
        else:
            fault = key_fault(self.signing_key.get_secret_value(), self.token_keys, "gateway")
            yield from self.finding("signing_key", fault)
        for service, url in self.upstreams().items():
            yield from self.finding(f"{service}_url", inner_address(url))

    def _hosts_fault(self) -> str | None:
        hosts = self.hosts()
        if not hosts or any("*" in host or is_loopback(host) or is_placeholder(host) for host in hosts):
            return "name the exact hosts; no wildcard, no loopback, no example"
        parts = urlsplit(self.public_url)
        known = {parts.hostname, parts.netloc.lower()} & hosts
        return None if known else "name the host of GATEWAY_PUBLIC_URL too, or every visitor is refused"


def _listed(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _too_large(network: str) -> bool:
    if network == "*":
        return True
    found = ipaddress.ip_network(network, strict=False)
    return found.prefixlen < (_LARGEST_IPV4 if found.version == 4 else _LARGEST_IPV6)
