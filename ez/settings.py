"""Settings of the commands themselves, from EZ_… in the environment; each has an option that wins over it."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommandSettings(BaseSettings):
    """What `ez serve`, `ez work` and `ez migrate` read besides the settings of the service they run."""

    model_config = SettingsConfigDict(
        env_prefix="EZ_", extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    port: int = Field(8000, ge=1, le=65535, description="where `ez serve` and `ez work` listen (--port)")
    admin_database_url: SecretStr | None = Field(
        None, description="postgresql:// address of an administrator, for `ez migrate` alone (--admin-url)"
    )
