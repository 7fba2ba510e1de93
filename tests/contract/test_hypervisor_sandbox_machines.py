"""The stand-in hypervisor's machines: made from templates, let in whom they name, kept through a kill."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.hypervisor_calls import CLONED, KEY, QEMU, call, finished
from tests.support.hypervisor_sandbox import HypervisorProcess, hypervisor_process


@pytest.fixture(scope="module")
def process() -> Iterator[HypervisorProcess]:
    with hypervisor_process() as started:
        yield started


@pytest.fixture
def sandbox(process: HypervisorProcess) -> Iterator[httpx.Client]:
    process.reset()
    with process.api() as client:
        yield client


def test_a_fresh_hypervisor_offers_four_templates(process: HypervisorProcess, sandbox: httpx.Client) -> None:
    rows = sandbox.get("/cluster/resources", params={"type": "vm"}).json()["data"]
    assert [(row["vmid"], row["name"], row["template"]) for row in rows] == [
        (9000, "debian-12", 1),
        (9001, "ubuntu-24-04", 1),
        (9002, "almalinux-9", 1),
        (9003, "debian-13", 1),
    ]


def test_a_template_does_not_start(sandbox: httpx.Client) -> None:
    upid = call(sandbox, "POST", f"{QEMU}/9000/status/start").data
    assert "template" in str(finished(sandbox, str(upid))["exitstatus"])


def test_a_disk_does_not_shrink(sandbox: httpx.Client) -> None:
    call(sandbox, "POST", f"{QEMU}/9000/clone", CLONED)
    call(sandbox, "PUT", f"{QEMU}/101/resize", {"disk": "scsi0", "size": "+2G"})
    upid = call(sandbox, "PUT", f"{QEMU}/101/resize", {"disk": "scsi0", "size": "4G"}).data
    assert finished(sandbox, str(upid))["exitstatus"] == "shrinking disks is not supported"
    config = call(sandbox, "GET", f"{QEMU}/101/config").data
    assert isinstance(config, dict)
    assert config["scsi0"] == "local-lvm:vm-101-disk-0,size=5G"


def test_two_machines_get_two_addresses(process: HypervisorProcess, sandbox: httpx.Client) -> None:
    for vmid in ("101", "102"):
        call(sandbox, "POST", f"{QEMU}/9000/clone", CLONED | {"newid": vmid})
        call(sandbox, "POST", f"{QEMU}/{vmid}/status/start")
    addresses = {str(row["ipv4"]) for row in process.machines()}
    assert len(addresses) == 2
    assert all(address.startswith("203.0.113.") for address in addresses)


def test_a_password_is_not_shown(sandbox: httpx.Client) -> None:
    call(sandbox, "POST", f"{QEMU}/9000/clone", CLONED)
    call(sandbox, "PUT", f"{QEMU}/101/config", {"cipassword": "hunter2"})
    assert "hunter2" not in json.dumps(call(sandbox, "GET", f"{QEMU}/101/config").data)


def test_a_clone_is_a_locked_nameless_placeholder_at_first() -> None:
    with hypervisor_process(time_scale=0.5) as process, process.api() as client:
        client.post(f"{QEMU}/9000/clone", data=CLONED).raise_for_status()
        config = client.get(f"{QEMU}/101/config").json()["data"]
        assert (config["lock"], config["description"]) == ("clone", " qmclone temporary file\n")
        assert "name" not in config
        assert client.put(f"{QEMU}/101/config", data={"cores": "2"}).json()["message"] == "VM is locked (clone)\n"
        while "name" not in config:
            config = client.get(f"{QEMU}/101/config").json()["data"]
        assert (config["name"], config["description"], config["lock"]) == ("web-1", "ours", "clone")


def test_a_kill_loses_neither_machines_nor_running_tasks(tmp_path: Path) -> None:
    with hypervisor_process(state_path=tmp_path / "state.sqlite", time_scale=0.3) as process, process.api() as client:
        upid = client.post(f"{QEMU}/9000/clone", data=CLONED).raise_for_status().json()["data"]
        process.kill()
        process.start()
        assert finished(client, upid)["exitstatus"] == "OK"
        assert [row["vmid"] for row in process.machines()] == [101]
        second = client.post(f"{QEMU}/101/status/start").raise_for_status().json()["data"]
        assert second != upid


def started(sandbox: httpx.Client, **config: str) -> None:
    """Machine 101 with this configuration, running."""
    call(sandbox, "POST", f"{QEMU}/9000/clone", CLONED)
    call(sandbox, "PUT", f"{QEMU}/101/config", config)
    call(sandbox, "POST", f"{QEMU}/101/status/start")


def enters(process: HypervisorProcess, user: str, **proof: str) -> bool:
    answer = process.client.post("/_sandbox/sign-in", json={"vmid": 101, "user": user, **proof}).raise_for_status()
    return bool(answer.json()["data"]["entered"])


def test_cloud_init_lets_in_whom_the_configuration_names(process: HypervisorProcess, sandbox: httpx.Client) -> None:
    started(sandbox, ciuser="root", sshkeys=quote(KEY, safe=""), cipassword="hunter2-hunter2")
    assert enters(process, "root", key=KEY.rpartition(" ")[0])
    assert enters(process, "root", password="hunter2-hunter2")
    assert not enters(process, "ada", key=KEY)
    assert not enters(process, "root", password="hunter2-hunter3")
    assert not enters(process, "root", password="")
    call(sandbox, "POST", f"{QEMU}/101/status/stop")
    assert not enters(process, "root", key=KEY)


def test_a_key_that_is_none_is_refused_and_changes_nothing(sandbox: httpx.Client) -> None:
    call(sandbox, "POST", f"{QEMU}/9000/clone", CLONED)
    for line in ("ssh-ed25519 AAAA", "ssh-rsa " + KEY.split()[1], "-----BEGIN OPENSSH PRIVATE KEY-----"):
        answer = call(
            sandbox, "POST", f"{QEMU}/101/config", {"sshkeys": quote(f"{KEY}\n{line}", safe=""), "cores": "4"}
        )
        assert (answer.status, answer.message.strip()) == (500, "SSH public key validation error")
    assert "sshkeys" not in sandbox.get(f"{QEMU}/101/config").json()["data"]


def test_a_password_is_kept_as_a_hash_only(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    with hypervisor_process(state_path=state) as process, process.api() as client:
        call(client, "POST", f"{QEMU}/9000/clone", CLONED)
        call(client, "PUT", f"{QEMU}/101/config", {"cipassword": "hunter2-hunter2"})
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"svc" in kept or b"web-1" in kept
    assert b"hunter2" not in kept


def test_a_new_size_counts_from_the_next_start(process: HypervisorProcess, sandbox: httpx.Client) -> None:
    started(sandbox, cores="2", memory="2048")
    call(sandbox, "PUT", f"{QEMU}/101/config", {"cores": "4", "memory": "4096"})
    running = sandbox.get(f"{QEMU}/101/status/current").json()["data"]
    assert (running["cpus"], running["maxmem"]) == (2, 2048 * 2**20)
    call(sandbox, "POST", f"{QEMU}/101/status/reboot")
    running = sandbox.get(f"{QEMU}/101/status/current").json()["data"]
    assert (running["cpus"], running["maxmem"]) == (4, 4096 * 2**20)
