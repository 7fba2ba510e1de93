"""What an answer of Proxmox VE means. It answers 500 for nearly everything, so its words have to be read.

The words are those of qemu-server and pve-guest-common; what is not recognized counts as transient after a read and as
ambiguous after a write.
"""

import re
from typing import Final

from services.provisioning.adapters.capabilities import (
    MachineMissing,
    NeedsHuman,
    ProviderAmbiguous,
    ProviderError,
    ProviderFull,
    ProviderRejected,
    ProviderUnavailable,
)


class IdInUse(ProviderRejected):
    """A machine with the wanted id exists."""


class MachineLocked(ProviderUnavailable):
    """Another operation holds the machine; this one was not begun."""


class AgentSilent(ProviderUnavailable):
    """The guest agent does not answer (yet)."""


class AlreadyThere(ProviderRejected):
    """The machine is in the wanted power state already."""


_WORDS: Final[tuple[tuple[re.Pattern[str], type[ProviderError]], ...]] = (
    (re.compile(r"config file already exists|VM \d+ already exists"), IdInUse),
    (re.compile(r"Configuration file '\S+' does not exist"), MachineMissing),
    (re.compile(r"VM is locked|can't lock file .* got timeout"), MachineLocked),
    (re.compile(r"guest agent is not running|No QEMU guest agent configured|VM \d+ is not running"), AgentSilent),
    (re.compile(r"VM \d+ already running|VM \d+ not running"), AlreadyThere),
    (re.compile(r"protection mode enabled"), NeedsHuman),
    (re.compile(r"no space left|not enough (?:free )?space|out of (?:disk )?space|quota exceeded", re.I), ProviderFull),
    (re.compile(r"(?:storage|pool) '\S+' does not exist"), NeedsHuman),
)
_STATUS: Final[dict[int, type[ProviderError]]] = {
    400: ProviderRejected, 401: NeedsHuman, 403: NeedsHuman, 404: ProviderRejected, 413: ProviderRejected,
    414: ProviderRejected, 501: ProviderRejected,
}  # fmt: skip


def from_words(words: str) -> type[ProviderError] | None:
    """The error that Proxmox VE's own words name, if they are known."""
    return next((kind for pattern, kind in _WORDS if pattern.search(words)), None)


def from_status(status: int, words: str, *, write: bool, retry_after: float | None = None) -> ProviderError:
    """The error an HTTP status of 400 or more stands for. `words`: the answer's message."""
    detail = f"Proxmox VE answered {status}: {words[:500]}"
    if status == 429:
        return ProviderUnavailable(detail, retry_after=retry_after)
    if status >= 500 and (known := from_words(words)) is not None:
        return known(detail)
    if status in _STATUS:
        return _STATUS[status](detail)
    if write and status >= 500:
        return ProviderAmbiguous(detail)
    if status >= 500:
        return ProviderUnavailable(detail, retry_after=retry_after)
    return ProviderRejected(detail)


def from_exit_status(kind: str, exit_status: str) -> ProviderError:
    """The error a failed task stands for. The task is over, so nothing about it is ambiguous."""
    detail = f"Proxmox VE task {kind} failed: {exit_status[:500]}"
    return (from_words(exit_status) or ProviderUnavailable)(detail)
