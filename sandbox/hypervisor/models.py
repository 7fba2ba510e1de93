"""The two things a hypervisor remembers: machines and the tasks that change them."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

ConfigValue = str | int

DISK_KEY: Final = "scsi0"
_SIZE = re.compile(r"(?:^|,)size=(\d+(?:\.\d+)?)([KMGT]?)(?:,|$)")
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class PveError(Exception):
    """An answer that refuses. `errors` names single parameters, as a failed verification (400) does."""

    def __init__(self, status: int, message: str, errors: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors


@dataclass(slots=True)
class Machine:
    """One VM. Instants are seconds since the epoch."""

    vmid: int
    config: dict[str, ConfigValue]
    created_at: float
    status: Literal["stopped", "running"] = "stopped"
    paused: bool = False
    lock: str | None = None
    started_at: float | None = None
    agent_at: float | None = None
    """From when the guest agent answers."""
    lease: str | None = None
    """The IPv4 address handed out when the configuration names none."""
    booted: dict[str, ConfigValue] | None = None
    """The size it runs with: cores and memory that are changed while it runs count from its next start."""
    guest: dict[str, ConfigValue] | None = None
    """What cloud-init wrote into it at its last start: user, keys and password, as the configuration was then."""

    @property
    def is_template(self) -> bool:
        return self.config.get("template") == 1

    @property
    def name(self) -> str:
        return str(self.config.get("name") or f"VM {self.vmid}")

    @property
    def cores(self) -> int:
        size = self._size()
        return int(size.get("cores", 1)) * int(size.get("sockets", 1))

    @property
    def memory_bytes(self) -> int:
        return int(self._size().get("memory", 512)) * 2**20

    @property
    def disk_bytes(self) -> int:
        return volume_size(str(self.config.get(DISK_KEY, "")))

    def _size(self) -> dict[str, ConfigValue]:
        return self.booted if self.status == "running" and self.booted is not None else self.config


@dataclass(slots=True)
class Task:
    """A worker of the hypervisor. It ends at `due_at` with an exit status; "OK" is the only success."""

    upid: str
    sequence: int
    type: str
    id: str
    user: str
    started_at: float
    due_at: float
    arguments: dict[str, ConfigValue] = field(default_factory=dict)
    exitstatus: str | None = None
    forced_error: str | None = None
    log: list[str] = field(default_factory=list)


def parse_size(text: str) -> int:
    """Bytes of `20G`, `512M` or a plain number (qm.conf(5), disk-size). Raises ValueError on anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    if match is None:
        raise ValueError(text)
    return int(float(match[1]) * _UNITS[match[2]])


def format_size(size: int) -> str:
    """The shortest exact form: `20G` for 20 GiB."""
    for unit in ("T", "G", "M", "K"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def volume_size(volume: str) -> int:
    """Bytes named by `size=` in a drive's property string; 0 when it names none."""
    match = _SIZE.search(volume)
    return int(float(match[1]) * _UNITS[match[2]]) if match else 0


def with_size(volume: str, size: int) -> str:
    """The same drive with another size."""
    return _SIZE.sub(lambda found: found[0].replace(found[1] + found[2], format_size(size)), volume)
