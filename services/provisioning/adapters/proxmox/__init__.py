"""Proxmox VE 8 and 9 (https://pve.proxmox.com/pve-docs/api-viewer/).

`settings` what to connect to · `api` requests, tasks, tickets · `answers` what an answer means ·
`marks` how a machine carries our reference · `tls` pinned certificates · `connector` the operations.
"""

from services.provisioning.adapters.proxmox.connector import ProxmoxConnector
from services.provisioning.adapters.proxmox.settings import ApiToken, Password, ProxmoxSettings

__all__ = ["ApiToken", "Password", "ProxmoxConnector", "ProxmoxSettings"]
