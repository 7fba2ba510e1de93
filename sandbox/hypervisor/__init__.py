"""A stand-in for a Proxmox VE node: the part of its HTTP API that buying and running a VPS needs.

Behaves as Proxmox VE 8 and 9 do (https://pve.proxmox.com/pve-docs/api-viewer/), habits included: every write is a
task that is polled, a used or missing VM id is a 500, a clone in progress holds a lock and at first is a nameless
placeholder. Nothing runs: a machine is a row, an address is one that is never routed (RFC 5737).
State survives a kill when `state_path` is set. `/_sandbox` injects faults and shows the truth. Loopback only.
"""

from sandbox.hypervisor.app import create_app
from sandbox.hypervisor.settings import HypervisorSandboxSettings

__all__ = ["HypervisorSandboxSettings", "create_app"]
