"""Calls to a hypervisor's API, with the tasks they start followed to their end."""

import time
from dataclasses import dataclass
from urllib.parse import quote

import httpx

QEMU = "/nodes/pve1/qemu"
CLONED = {"newid": "101", "name": "web-1", "description": "ours", "full": "1"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ5dGVzYnl0ZXNieXRlc2J5dGVzYnl0ZXNieXRlc2J5 ada@example.com"


@dataclass(frozen=True)
class Answer:
    """One exchange. `data` is null when refused."""

    call: str
    status: int
    data: object
    message: str
    wrong: frozenset[str]


def call(client: httpx.Client, method: str, path: str, fields: dict[str, str] | None = None) -> Answer:
    """Do it, and follow the task it starts to its end."""
    in_query = method in {"GET", "DELETE"}
    response = client.request(method, path, params=fields if in_query else None, data=None if in_query else fields)
    body = response.json()
    data = body["data"]
    if isinstance(data, str) and data.startswith("UPID:"):
        finished(client, data)
    wrong = frozenset(body.get("errors", {}))
    return Answer(f"{method} {path}", response.status_code, data, body.get("message", ""), wrong)


def finished(client: httpx.Client, upid: str) -> dict[str, object]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        status = client.get(f"/nodes/pve1/tasks/{quote(upid, safe='')}/status").raise_for_status().json()["data"]
        assert isinstance(status, dict)
        if status["status"] == "stopped":
            return status
        time.sleep(0.02)
    raise AssertionError(f"{upid} does not end")
