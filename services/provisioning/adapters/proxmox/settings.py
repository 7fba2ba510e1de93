"""What one Proxmox VE cluster needs to be told. Passwords and secrets never show in a repr."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class ApiToken:
    """An API token. `name` is `user@realm!token`."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Password:
    """A user's login, for clusters without tokens. `user` is `name@realm`."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxmoxSettings:
    """Times in seconds. Certificates are always checked: against the system's authorities, or those in `ca_file`, or
    by `fingerprint` (SHA-256 of the server's certificate, as Proxmox VE displays it), which excludes the others."""

    url: str
    """Scheme, host and port, e.g. `https://pve.example.net:8006`."""
    node: str
    """Where new machines are made."""
    credentials: ApiToken | Password
    ca_file: str | None = None
    fingerprint: str | None = None
    templates: Mapping[str, int] = field(default_factory=dict)
    """Template name → VM id; a name that is missing here is looked up among the cluster's templates."""
    full_clone: bool = True
    """False makes linked clones, which live as long as their template does."""
    storage: str | None = None
    """Where a full clone's disks go; None keeps the template's storage."""
    pool: str | None = None
    disk: str = "scsi0"
    """The boot disk's slot in the templates."""
    managed_tag: str = "ez"
    """A tag on every machine of ours, for people who filter the list."""
    request_timeout: float = 15.0
    task_timeout: float = 600.0
    lock_timeout: float = 300.0
    reappearance_timeout: float = 2.0
    """How long a machine is given to appear after a clone whose answer was lost."""
    shutdown_timeout: int = 90
    poll_interval: float = 0.25
    """The first pause between two looks at a task or a lock; pauses grow up to 4 s."""

    allow_http: bool = False
    """Only for a stand-in on a private network of a development machine."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
            raise ValueError("url must be https://host:port, without credentials")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and not self.allow_http:
            raise ValueError("url must be https: credentials travel in the clear otherwise")
        if self.ca_file is not None and self.fingerprint is not None:
            raise ValueError("give ca_file or fingerprint, not both")
