"""Machines and tasks in the words of the API. Numbers that only a real machine has are constants."""

from sandbox.hypervisor.hypervisor import Hypervisor, digest
from sandbox.hypervisor.models import Machine, Task

Json = dict[str, object]


def node_row(name: str) -> Json:
    return {
        "node": name, "id": f"node/{name}", "type": "node", "status": "online", "level": "",
        "ssl_fingerprint": ":".join(["00"] * 32), "cpu": 0.02, "maxcpu": 16, "mem": 8 * 2**30, "maxmem": 64 * 2**30,
        "disk": 40 * 2**30, "maxdisk": 2**40, "uptime": 3600,
    }  # fmt: skip


def machine_row(machine: Machine, now: float) -> Json:
    """A line of GET /nodes/{node}/qemu."""
    running = machine.status == "running"
    used = machine.memory_bytes // 4 if running else 0
    row: Json = {
        "vmid": machine.vmid, "name": machine.name, "status": machine.status, "cpus": machine.cores,
        "cpu": 0.02 if running else 0, "mem": used, "memhost": used, "disk": 0, "netin": 0, "netout": 0,
        "maxdisk": machine.disk_bytes, "maxmem": machine.memory_bytes, "serial": 0,
        "uptime": max(0, int(now - machine.started_at)) if machine.started_at else 0,
    }  # fmt: skip
    if running:
        row["pid"] = 100_000 + machine.vmid
    if machine.lock is not None:
        row["lock"] = machine.lock
    if machine.config.get("tags"):
        row["tags"] = machine.config["tags"]
    if machine.is_template:
        row["template"] = 1
    return row


def machine_status(machine: Machine, now: float) -> Json:
    """GET /nodes/{node}/qemu/{vmid}/status/current."""
    return machine_row(machine, now) | {
        "qmpstatus": "paused" if machine.paused else machine.status,
        "diskread": 0, "diskwrite": 0, "balloon": machine.memory_bytes, "ha": {"managed": 0},
        "agent": 1 if str(machine.config.get("agent", "0")).startswith(("1", "enabled=1")) else 0,
    }  # fmt: skip


def resource_row(machine: Machine, node: str, now: float) -> Json:
    """A line of GET /cluster/resources."""
    row = machine_row(machine, now)
    for own in ("cpus", "serial", "pid"):
        row.pop(own, None)
    return row | {
        "id": f"qemu/{machine.vmid}", "type": "qemu", "node": node, "template": 1 if machine.is_template else 0,
        "maxcpu": machine.cores, "diskread": 0, "diskwrite": 0,
    }  # fmt: skip


def machine_config(machine: Machine) -> Json:
    """GET /nodes/{node}/qemu/{vmid}/config. A password is never shown."""
    shown: Json = dict(machine.config)
    if "cipassword" in shown:
        shown["cipassword"] = "*" * 10
    if machine.lock is not None:
        shown["lock"] = machine.lock
    return shown | {"digest": digest(machine)}


def interfaces(hypervisor: Hypervisor, machine: Machine) -> Json:
    """GET …/agent/network-get-interfaces: loopback and the card, as the guest sees them."""
    card = str(machine.config.get("net0", "")).partition("=")[2].partition(",")[0].lower()
    rows: list[Json] = [_interface("lo", "00:00:00:00:00:00", "127.0.0.1", 8)]
    address = hypervisor.address(machine)
    if address is not None:
        rows.append(_interface("eth0", card, *address))
    return {"result": rows}


def task_status(task: Task, node: str) -> Json:
    """GET /nodes/{node}/tasks/{upid}/status."""
    row: Json = {
        "upid": task.upid, "node": node, "pid": int(task.upid.split(":")[2], 16), "pstart": task.sequence,
        "starttime": int(task.started_at), "type": task.type, "id": task.id, "user": task.user,
        "status": "running" if task.exitstatus is None else "stopped",
    }  # fmt: skip
    if task.exitstatus is not None:
        row["exitstatus"] = task.exitstatus
    return row


def _interface(name: str, mac: str, address: str, prefix: int) -> Json:
    addresses = [{"ip-address": address, "ip-address-type": "ipv4", "prefix": prefix}]
    return {"name": name, "hardware-address": mac, "ip-addresses": addresses}
