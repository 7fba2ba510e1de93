"""A machine's configuration in Proxmox VE's words (qm.conf(5)), from what was sold.

Proxmox VE checks names and numbers itself, but copies user, keys and addresses into cloud-init's YAML without looking;
so what is not plainly harmless there is refused here, whoever checked it before.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import quote

from services.provisioning.adapters.capabilities import MachineSpec, ProviderRejected, StaticAddress

_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_KEY: Final = re.compile(r"[a-z0-9@.-]{4,64} [A-Za-z0-9+/]{16,8192}={0,3}(?: [\x20-\x7e]{0,255})?")


def fields(spec: MachineSpec) -> dict[str, str | int]:
    """Name, size, user, keys and network. Raises ProviderRejected naming the part that cannot be accepted."""
    wanted: dict[str, str | int] = {
        "name": spec.hostname,
        "cores": spec.cores,
        "memory": spec.memory_mb,
        "onboot": int(spec.autostart),
        "ipconfig0": _ipconfig(spec.network),
    }
    if spec.user is not None:
        if not _USER.fullmatch(spec.user):
            raise ProviderRejected("The user is not a Unix user name")
        wanted["ciuser"] = spec.user
    if spec.ssh_keys:
        if not all(_KEY.fullmatch(key) for key in spec.ssh_keys):
            raise ProviderRejected("An SSH key is not one line of type, key and comment")
        wanted["sshkeys"] = quote("\n".join(spec.ssh_keys), safe="")
    if spec.password is not None:
        wanted["cipassword"] = spec.password
    if spec.nameservers:
        wanted["nameserver"] = " ".join(_address(server) for server in spec.nameservers)
    return wanted


def _ipconfig(network: StaticAddress | None) -> str:
    if network is None:
        return "ip=dhcp"
    try:
        interface = ipaddress.IPv4Interface(network.cidr)
    except ValueError:
        raise ProviderRejected("The network is not an IPv4 address with a prefix length") from None
    return f"ip={interface.with_prefixlen},gw={_address(network.gateway)}"


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ProviderRejected("A gateway or name server is not an IP address") from None
