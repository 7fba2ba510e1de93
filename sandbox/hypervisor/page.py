"""The page a person sees at /: what runs here. No scripts, no secrets."""

from html import escape
from typing import Final

from sandbox.hypervisor.hypervisor import Hypervisor
from sandbox.hypervisor.models import Machine

STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100% } th, td { padding: .4rem .6rem; border-bottom: 1px solid #d9dee6 }
th { text-align: left; font-weight: 600 } .note { color: #5a6675 }
"""
HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


def index(hypervisor: Hypervisor) -> str:
    """All machines with their state, templates last. Refreshes itself every two seconds."""
    hypervisor.advance()
    machines = sorted(hypervisor.store.machines.values(), key=lambda machine: (machine.is_template, machine.vmid))
    rows = "\n".join(_row(hypervisor, machine) for machine in machines)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox hypervisor</title>
<meta http-equiv="refresh" content="2"><link rel="stylesheet" href="/style.css"></head><body>
<h1>Sandbox hypervisor: {escape(hypervisor.node)}</h1>
<p class="note">Speaks the Proxmox VE API under /api2/json. Nothing here is real: a machine is a row.</p>
<table><thead><tr><th>Id</th><th>Name</th><th>State</th><th>Size</th>
<th>IPv4</th><th>Sign in</th><th>Tags</th></tr></thead>
<tbody>{rows}</tbody></table></body></html>"""


def _row(hypervisor: Hypervisor, machine: Machine) -> str:
    address = hypervisor.address(machine)
    state = "template" if machine.is_template else machine.status
    cells = (
        str(machine.vmid),
        machine.name,
        f"{state} (locked: {machine.lock})" if machine.lock else state,
        f"{machine.cores} cores, {machine.memory_bytes // 2**20} MB, {machine.disk_bytes // 2**30} GB",
        address[0] if address else "—",
        _door(machine),
        str(machine.config.get("tags", "")),
    )
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _door(machine: Machine) -> str:
    """Who gets in and how; never a secret."""
    if machine.guest is None:
        return "—"
    keys = len(str(machine.guest["keys"]).splitlines())
    ways = [f"{keys} key{'s' if keys != 1 else ''}"] if keys else []
    ways += ["password"] if machine.guest["password"] else []
    return f"{machine.guest['user']}: {', '.join(ways)}" if ways else "—"
