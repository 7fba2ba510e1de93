"""Settings come from the environment only, fail loudly at start, and hide their secrets when printed.

Each service subclasses `ServiceSettings` with its own prefix; what all of them share is named `EZ_…`. What must never
run raises at start. What may run here but not in production is a finding: each class yields those of its own settings
(`deploy_findings`), and `ez check --deploy` puts them together.
"""

from collections.abc import Iterator
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.web.findings import Finding, broker_address, database_address, inner_address
from shared.web.keys import key_fault, read_key_set, read_signing_key

Environment = Literal["local", "test", "production"]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


def absolute(url: str) -> str:
    """An http(s) address without a final slash. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an absolute http:// or https:// address")
    return url.rstrip("/")


class ProcessSettings(BaseSettings):
    """What every process of ours reads."""

    # An empty variable is an unset one: a deployment may pass variables on whether they are set or not.
    model_config = SettingsConfigDict(
        extra="ignore", populate_by_name=True, frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    environment: Environment = Field(
        "production",
        validation_alias="EZ_ENVIRONMENT",
        description="which rules apply: local and test allow sandboxes and plain HTTP, production does not",
    )
    release: str = Field(
        "0.1.0", validation_alias="EZ_RELEASE", description="the release that logs, traces and error reports name"
    )
    log_level: LogLevel = Field("INFO", validation_alias="EZ_LOG_LEVEL", description="the least level that is logged")
    sentry_dsn: SecretStr | None = Field(
        None, validation_alias="EZ_SENTRY_DSN", description="where error reports go; empty: nowhere"
    )
    otlp_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="the collector that spans are sent to, such as http://otel-collector:4318; empty: nowhere",
    )
    drain_seconds: int = Field(
        25,
        ge=1,
        le=3600,
        validation_alias="EZ_DRAIN_SECONDS",
        description="how long requests in flight may take after SIGTERM; the platform must wait longer before it kills",
    )
    crash_at: str = Field("", validation_alias="EZ_CRASH_AT", description="tests only: die at this named point")

    @field_validator("otlp_endpoint")
    @classmethod
    def _absolute_endpoint(cls, value: str | None) -> str | None:
        return None if value is None else absolute(value)

    @field_validator("sentry_dsn")
    @classmethod
    def _a_dsn(cls, value: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(value.get_secret_value()) if value is not None else None
        if parts is not None and not (parts.scheme in ("http", "https") and parts.hostname and parts.username):
            raise ValueError("must be https://key@host/project")
        return value

    @classmethod
    def variable(cls, name: str) -> str:
        """The environment variable of a setting."""
        alias = cls.model_fields[name].validation_alias
        return str(alias) if alias is not None else f"{cls.model_config.get('env_prefix', '')}{name}".upper()

    @classmethod
    def finding(cls, name: str, advice: str | None) -> Iterator[Finding]:
        """The finding about one setting; none without advice."""
        if advice is not None:
            yield Finding(cls.variable(name), advice)

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production. Subclasses add their own."""
        if self.environment != "production":
            yield from self.finding("environment", "set it to production")
        if self.log_level == "DEBUG":
            yield from self.finding("log_level", "debug logging may show personal data; use INFO")
        if self.crash_at:
            yield from self.finding("crash_at", "unset it: it kills processes on purpose")
        if self.sentry_dsn is not None and urlsplit(self.sentry_dsn.get_secret_value()).scheme != "https":
            yield from self.finding("sentry_dsn", "use https://: error reports are not for everybody on the way")
        if self.otlp_endpoint is not None:
            yield from self.finding("otlp_endpoint", inner_address(self.otlp_endpoint))


class ServiceSettings(ProcessSettings):
    """What every service needs to run."""

    broker_url: SecretStr | None = Field(
        None, validation_alias="EZ_BROKER_URL", description="amqp:// or amqps:// address of RabbitMQ"
    )
    token_keys: str = Field(validation_alias="EZ_TOKEN_KEYS", description="JWKS with the issuers' public keys")
    product_types: str = Field(
        "vps,hosting,domain,certificate",
        validation_alias="EZ_PRODUCT_TYPES",
        description="what is sold, comma separated: names of built-in types, or packages with a module per service",
    )
    database_url: SecretStr = Field(description="postgresql:// address with the service's own role")
    signing_key: SecretStr | None = Field(None, description="private JWK with which this service signs its calls")
    pool_size: int = Field(
        8, ge=1, le=100, description="connections to PostgreSQL one process keeps, and half as many more"
    )

    @field_validator("broker_url")
    @classmethod
    def _speaks_amqp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("amqp", "amqps"):
            raise ValueError("must be an amqp:// or amqps:// address")
        return value

    @field_validator("token_keys")
    @classmethod
    def _public_keys(cls, value: str) -> str:
        read_key_set(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _of_postgresql(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
            raise ValueError("must be postgresql://user:password@host/database")
        return value

    @field_validator("signing_key")
    @classmethod
    def _a_private_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_signing_key(value.get_secret_value())
        return value

    @classmethod
    def service(cls) -> str:
        """The service's name."""
        return cls.model_config.get("env_prefix", "").strip("_").lower()

    def deploy_findings(self) -> Iterator[Finding]:
        """What in these settings must not go to production."""
        yield from super().deploy_findings()
        broker = self.broker_url.get_secret_value() if self.broker_url else ""
        yield from self.finding("broker_url", broker_address(broker))
        yield from self.finding("database_url", database_address(self.database_url.get_secret_value()))
        if self.signing_key is not None:
            fault = key_fault(self.signing_key.get_secret_value(), self.token_keys, self.service())
            yield from self.finding("signing_key", fault)
