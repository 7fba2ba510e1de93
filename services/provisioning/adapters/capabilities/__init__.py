"""What provisioning asks of a provider, one protocol per capability. A connector has one or several of them.

errors    what can go wrong, whatever is provided
machines  virtual machines
"""

from services.provisioning.adapters.capabilities.errors import (
    IdTaken,
    MachineMissing,
    NeedsHuman,
    NotOurMachine,
    ProviderAmbiguous,
    ProviderError,
    ProviderFull,
    ProviderRejected,
    ProviderUnavailable,
)
from services.provisioning.adapters.capabilities.machines import (
    Machine,
    MachineRef,
    MachineSpec,
    PowerState,
    StaticAddress,
    VpsConnector,
)

__all__ = [
    "IdTaken",
    "Machine",
    "MachineMissing",
    "MachineRef",
    "MachineSpec",
    "NeedsHuman",
    "NotOurMachine",
    "PowerState",
    "ProviderAmbiguous",
    "ProviderError",
    "ProviderFull",
    "ProviderRejected",
    "ProviderUnavailable",
    "StaticAddress",
    "VpsConnector",
]
