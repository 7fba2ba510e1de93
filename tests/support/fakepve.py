"""Runs fakepve, a Proxmox VE stand-in written by others, as its own process in its own environment.

It is AGPL: never imported, never shipped, only spoken to over HTTPS.
"""

import fcntl
import hashlib
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.database import free_port

USER, PASSWORD = "root@pam", "secret"
TEMPLATE_ID, STRANGER_ID = 9000, 150
MOVED_ID, MOVED_REFERENCE = 160, "svc_01k4p6xq0efh2tbr5j0c9w3m7z"
_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = _ROOT / ".cache" / "testservers"
_LOCK_FILE = _ROOT / "requirements" / "testservers.txt"
_STAMP = _ENVIRONMENT / "installed.sha256"
_GUESTS = {
    "guests": [
        {
            "vmid": TEMPLATE_ID,
            "name": "debian-12",
            "status": "stopped",
            "template": True,
            "config": {
                "scsi0": f"local-lvm:base-{TEMPLATE_ID}-disk-0,size=3G",
                "ide2": f"local-lvm:vm-{TEMPLATE_ID}-cloudinit,media=cdrom",
                "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0",
                "boot": "order=scsi0",
                "scsihw": "virtio-scsi-single",
                "ostype": "l26",
                "agent": "1",
                "memory": "512",
                "cores": 1,
                "template": 1,
            },
        },
        {"vmid": STRANGER_ID, "name": "stranger", "status": "stopped", "config": {"scsi0": "local-lvm:x,size=1G"}},
        {
            "vmid": MOVED_ID,
            "name": "moved",
            "node": "pve2",
            "status": "stopped",
            "config": {"scsi0": "local-lvm:y,size=1G", "tags": f"ez;{MOVED_REFERENCE}"},
        },
    ]
}


@dataclass(frozen=True)
class FakePve:
    """Where it listens and the certificate it signed for itself."""

    url: str
    certificate: str
    fingerprint: str

    def client(self) -> httpx.Client:
        """A logged-in client for /api2/json, to see for ourselves."""
        client = httpx.Client(base_url=f"{self.url}/api2/json", verify=False, trust_env=False)
        answer = client.post("/access/ticket", data={"username": USER, "password": PASSWORD}).raise_for_status()
        login = answer.json()["data"]
        client.headers["CSRFPreventionToken"] = login["CSRFPreventionToken"]
        client.cookies.set("PVEAuthCookie", login["ticket"])
        return client


def executable() -> Path:
    """The installed program. Its environment is made, or made anew when the lock changed, from the hash-pinned lock."""
    wanted = hashlib.sha256(_LOCK_FILE.read_bytes()).hexdigest()
    program = _ENVIRONMENT / "bin" / "fakepve"
    _ENVIRONMENT.parent.mkdir(exist_ok=True)
    with (_ENVIRONMENT.parent / "testservers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test workers share one environment
        if not program.exists() or not _STAMP.exists() or _STAMP.read_text() != wanted:
            uv = str(Path(sys.executable).parent / "uv")
            python = str(_ENVIRONMENT / "bin" / "python")
            _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(_ENVIRONMENT))
            _run(
                uv, "pip", "sync", "--quiet", "--system-certs", "--require-hashes", "--python", python, str(_LOCK_FILE)
            )
            _STAMP.write_text(wanted)
    return program


@contextmanager
def fakepve(directory: Path, time_scale: float = 0.05) -> Iterator[FakePve]:
    """A started fakepve with one template and one stranger's machine, stopped at the end."""
    guests, log = directory / "guests.json", directory / "fakepve.log"
    guests.write_text(json.dumps(_GUESTS))
    port = free_port()
    command = [
        str(executable()),
        str(guests),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--time-scale",
        str(time_scale),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        certificate = _certificate(process, port, log)
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
        yield FakePve(f"https://127.0.0.1:{port}", certificate, digest)
    finally:
        process.terminate()
        process.wait()


def _certificate(process: "subprocess.Popen[bytes]", port: int, log: Path) -> str:
    """The server's certificate, once it listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return ssl.get_server_certificate(("127.0.0.1", port))
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"fakepve did not start: {log.read_text()}") from None
            time.sleep(0.05)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, cwd=_ROOT)
