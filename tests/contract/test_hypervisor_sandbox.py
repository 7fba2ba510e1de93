"""Our stand-in hypervisor answers as Proxmox VE does, by the witness of a stand-in that others wrote."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from tests.support import fakepve
from tests.support.hypervisor_calls import CLONED, KEY, QEMU, Answer, call, finished
from tests.support.hypervisor_sandbox import TOKEN, HypervisorProcess, hypervisor_process

CONFIG = {
    "cores": "2", "memory": "2048", "tags": "Ez;svc_01", "ciuser": "ada", "sshkeys": quote(KEY, safe=""),
    "ipconfig0": "ip=203.0.113.5/24,gw=203.0.113.1", "nameserver": "9.9.9.9", "onboot": "1", "name": "web.example.com",
}  # fmt: skip


@pytest.fixture(scope="module")
def process() -> Iterator[HypervisorProcess]:
    with hypervisor_process() as started:
        yield started


@pytest.fixture
def sandbox(process: HypervisorProcess) -> Iterator[httpx.Client]:
    process.reset()
    with process.api() as client:
        yield client


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with fakepve.fakepve(tmp_path_factory.mktemp("fakepve"), time_scale=0) as server:
        client = server.client()
        yield client
        client.close()


def tour(client: httpx.Client) -> list[Answer]:
    """Everything the connector asks for, and what it must be refused."""
    answers = [
        call(client, "GET", "/version"),
        call(client, "GET", "/nodes"),
        call(client, "GET", "/cluster/nextid", {"vmid": "9000"}),
        call(client, "POST", f"{QEMU}/9000/clone", CLONED),
    ]
    clone = str(answers[-1].data)
    answers += [
        call(client, "GET", f"/nodes/pve1/tasks/{quote(clone, safe='')}/status"),
        call(client, "GET", f"/nodes/pve1/tasks/{quote(clone, safe='')}/log"),
        call(client, "GET", f"{QEMU}/101/config"),
        call(client, "POST", f"{QEMU}/9000/clone", CLONED),
        call(client, "POST", f"{QEMU}/9000/clone", {"newid": "102", "name": "web_1"}),
        call(client, "POST", f"{QEMU}/9000/clone", {"name": "web-1"}),
        call(client, "POST", f"{QEMU}/9000/clone", {"newid": "9", "bogus": "1", "full": "maybe"}),
        call(client, "POST", f"{QEMU}/9999/clone", {"newid": "102"}),
        call(client, "POST", f"{QEMU}/101/config", CONFIG),
        call(client, "PUT", f"{QEMU}/101/config", {"delete": "nameserver"}),
        call(client, "PUT", f"{QEMU}/101/config", {"tags": "a!"}),
        call(client, "PUT", f"{QEMU}/101/config", {"cores": "-3"}),
        call(client, "PUT", f"{QEMU}/101/config", {"cores": "many"}),
        call(client, "PUT", f"{QEMU}/101/config", {"sshkeys": "ssh-ed25519 AAAA"}),
        call(client, "PUT", f"{QEMU}/101/config", {"ipconfig0": "nonsense"}),
        call(client, "PUT", f"{QEMU}/101/config", {"cores": "1", "digest": "0" * 40}),
        call(client, "GET", f"{QEMU}/101/config"),
        call(client, "PUT", f"{QEMU}/101/resize", {"disk": "scsi0", "size": "20G"}),
        call(client, "PUT", f"{QEMU}/101/resize", {"disk": "scsi0"}),
        call(client, "POST", f"{QEMU}/101/status/shutdown"),
        call(client, "POST", f"{QEMU}/101/status/reboot"),
        call(client, "POST", f"{QEMU}/101/status/start"),
        call(client, "GET", f"{QEMU}/101/status/current"),
        call(client, "GET", QEMU),
        call(client, "GET", "/cluster/resources", {"type": "vm"}),
        call(client, "DELETE", f"{QEMU}/101"),
        *(call(client, "POST", f"{QEMU}/101/status/{verb}") for verb in ("reboot", "reset", "suspend", "resume")),
        call(client, "POST", f"{QEMU}/101/status/stop"),
        call(client, "GET", f"{QEMU}/555/config"),
        call(client, "GET", f"{QEMU}/555/status/current"),
        call(client, "POST", f"{QEMU}/555/status/start"),
        call(client, "GET", f"{QEMU}/555/agent/network-get-interfaces"),
        call(client, "DELETE", f"{QEMU}/555"),
        call(client, "GET", "/nodes/pve1/tasks/UPID:bogus/status"),
        call(client, "DELETE", f"{QEMU}/101", {"purge": "1", "destroy-unreferenced-disks": "1"}),
        call(client, "GET", f"{QEMU}/101/config"),
    ]  # fmt: skip
    return answers


def shape(value: object) -> object:
    """Keys and kinds of values; a list is the shape of its richest entry."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items()}
    if isinstance(value, list):
        shapes = [shape(entry) for entry in value]
        return [{key: kind for entry in shapes if isinstance(entry, dict) for key, kind in entry.items()}]
    return "number" if isinstance(value, int | float) else type(value).__name__


def beyond(ours: object, theirs: object, where: str) -> list[str]:
    """What our shape has that theirs has not."""
    if isinstance(ours, list) and isinstance(theirs, list):
        return beyond(ours[0], theirs[0], f"{where}[]")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        extra = [f"{where}.{key} is not in the witness" for key in ours if key not in theirs]
        shared = [key for key in ours if key in theirs]
        return extra + [line for key in shared for line in beyond(ours[key], theirs[key], f"{where}.{key}")]
    # Numbers of a configuration are sometimes strings, in Proxmox VE too.
    loose = {"number", "str"}
    alike = ours == theirs or {str(ours), str(theirs)} == loose
    return [] if alike else [f"{where} is {ours}, in the witness {theirs}"]


def test_the_same_calls_are_answered_alike(sandbox: httpx.Client, witness: httpx.Client) -> None:
    differences: list[str] = []
    for ours, theirs in zip(tour(sandbox), tour(witness), strict=True):
        if (ours.status, ours.message, ours.wrong) != (theirs.status, theirs.message, theirs.wrong):
            differences.append(f"{ours} versus {theirs}")
        differences += beyond(shape(ours.data), shape(theirs.data), ours.call)
    assert differences == []


def test_tasks_are_named_alike(sandbox: httpx.Client, witness: httpx.Client) -> None:
    pattern = re.compile(r"UPID:pve1:[0-9A-F]{8}:[0-9A-F]{8}:[0-9A-F]{8}:qmclone:9000:[^:]+@[^:]+:")
    for client in (sandbox, witness):
        upid = str(call(client, "POST", f"{QEMU}/9000/clone", CLONED | {"newid": "105"}).data)
        assert pattern.fullmatch(upid)


@pytest.mark.parametrize(("verb", "exit_status"), [("start", "VM 103 already running"), ("stop", "OK")])
def test_a_task_ends_alike(sandbox: httpx.Client, witness: httpx.Client, verb: str, exit_status: str) -> None:
    for client in (sandbox, witness):
        call(client, "POST", f"{QEMU}/9000/clone", CLONED | {"newid": "103"})
        call(client, "POST", f"{QEMU}/103/status/start")
        upid = call(client, "POST", f"{QEMU}/103/status/{verb}").data
        assert finished(client, str(upid))["exitstatus"] == exit_status


def test_a_ticket_needs_its_csrf_token_for_writes(process: HypervisorProcess) -> None:
    with httpx.Client(base_url=f"{process.url}/api2/json", trust_env=False) as client:
        login = client.post("/access/ticket", data={"username": "root@pam", "password": "secret"}).json()["data"]
        client.cookies.set("PVEAuthCookie", login["ticket"])
        assert client.get("/version").status_code == 200
        assert client.post(f"{QEMU}/9000/clone", data=CLONED).status_code == 401
        client.headers["CSRFPreventionToken"] = login["CSRFPreventionToken"]
        assert client.post(f"{QEMU}/9000/clone", data={"newid": "9000"}).status_code == 500


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"PVEAPIToken=ez@pve!provisioning=wrong")],
        [(b"authorization", f"{TOKEN}x".encode())],
        [(b"authorization", b"Bearer x")],
        [(b"cookie", b"PVEAuthCookie=PVE:root@pam:00000000::00")],
        [(b"cookie", "PVEAuthCookie=é".encode())],
        [(b"cookie", b"PVEAuthCookie=nonsense")],
    ],
)
def test_nothing_answers_without_credentials(process: HypervisorProcess, headers: list[tuple[bytes, bytes]]) -> None:
    with httpx.Client(base_url=process.url, headers=headers, trust_env=False) as client:
        for method, path in (
            ("GET", "/api2/json/version"),
            ("DELETE", "/api2/json/nodes/pve1/qemu/9000"),
            ("GET", "/_sandbox/machines"),
            ("POST", "/_sandbox/faults"),
            ("POST", "/_sandbox/outage"),
            ("POST", "/_sandbox/reset"),
        ):
            assert client.request(method, path).status_code == 401


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/_sandbox/faults", b"\xff"),
        ("/_sandbox/faults", b"[]"),
        ("/_sandbox/faults", b'{"kind": "flood"}'),
        ("/_sandbox/faults", b'{"kind": "error", "path": "("}'),
        ("/_sandbox/faults", b'{"kind": "hang", "seconds": -1}'),
        ("/_sandbox/faults", b'{"kind": "error", "message": "a\\nb"}'),
        ("/_sandbox/outage", b'{"state": "maybe"}'),
        ("/api2/json/nodes/pve1/qemu/9000/clone", b"newid=\xff"),
        ("/api2/json/nodes/pve1/qemu/9000/clone", b"newid=1e5"),
        ("/api2/json/nodes/pve1/qemu/9000/clone", "newid=١٢٣".encode()),
        ("/api2/json/nodes/pve1/qemu/abc/clone", b"newid=105"),
    ],
)
def test_bad_input_is_refused_politely(process: HypervisorProcess, path: str, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert process.client.post(path, content=content, headers=headers).status_code == 400


def test_a_body_beyond_the_limit_is_refused(sandbox: httpx.Client) -> None:
    assert sandbox.post(f"{QEMU}/9000/clone", data={"description": "x" * 70_000}).status_code == 413


def test_the_page_shows_what_runs_and_runs_nothing_it_shows(process: HypervisorProcess, sandbox: httpx.Client) -> None:
    call(sandbox, "POST", f"{QEMU}/9000/clone", CLONED)
    page = httpx.get(process.url, trust_env=False)
    assert "web-1" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "PVEAPIToken" not in page.text


def test_what_is_protected_is_not_removed(sandbox: httpx.Client, witness: httpx.Client) -> None:
    for client in (sandbox, witness):
        call(client, "POST", f"{QEMU}/9000/clone", {**CLONED, "newid": "177"})
        call(client, "PUT", f"{QEMU}/177/config", {"protection": "1"})
        refused = client.delete(f"{QEMU}/177")
        assert refused.status_code == 500
        assert "protection mode enabled" in refused.text
        assert client.get(f"{QEMU}/177/config").status_code == 200
