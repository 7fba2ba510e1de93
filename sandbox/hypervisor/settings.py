"""What one stand-in hypervisor is told at start, from SANDBOX_HYPERVISOR_* or from its caller."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_TOKEN_SECRET = "2f0c8f4e-6a55-4c1b-9f0e-5b1d3c7a9e10"  # noqa: S105 — public, opens only this stand-in
DEVELOPMENT_PASSWORD = "secret"  # noqa: S105 — as above


class HypervisorSandboxSettings(BaseSettings):
    """Defaults suit development: a machine takes about five seconds, so that a person sees its steps."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_HYPERVISOR_", frozen=True)

    node: str = "pve1"
    token_id: str = "ez@pve!provisioning"  # noqa: S105 — a name, not a secret
    token_secret: SecretStr = SecretStr(DEVELOPMENT_TOKEN_SECRET)
    user: str = "root@pam"
    password: SecretStr = SecretStr(DEVELOPMENT_PASSWORD)
    state_path: Path | None = None
    """SQLite file that keeps machines and tasks across restarts; None keeps them in memory."""
    time_scale: float = Field(default=1.0, ge=0, le=100)
    """Real seconds per second of the simulated hypervisor; 0 finishes every task at once."""
