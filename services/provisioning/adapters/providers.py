"""The providers this process can reach, each with what its callers share."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.provisioning.adapters.breaker import CircuitBreaker
from services.provisioning.adapters.vps import VpsConnector


@dataclass(frozen=True, slots=True)
class Provider:
    """A connector under its provider's name.

    `proposing` and `proposed` keep jobs of one process from being offered the same machine id; between processes the
    unique index on reserved ids decides.
    """

    name: str
    connector: VpsConnector
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    proposing: asyncio.Lock = field(default_factory=asyncio.Lock)
    proposed: set[int] = field(default_factory=set)


Providers = Mapping[str, Provider]
