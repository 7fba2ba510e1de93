"""A server that its owner can enter: an SSH key of the account is put on it before it starts."""

import base64
import secrets

from ez.demo.steps import Api, DemoFailed, Place, delivered, order, pay, say, sign_up, wait_for


def run(place: Place, plan: str) -> None:
    """Raises DemoFailed unless the machine lets the key's owner in, and its page says how to enter."""
    api = Api(place.url)
    print("Buying a server that one can enter")
    email = sign_up(api)
    key = api("POST", "/api/v1/ssh-keys", {"name": "Laptop", "public_key": _public_key()})
    say(f"added the SSH key {key['name']}, {key['fingerprint']}")
    configuration = {"hostname": "entered", "ssh_keys": [key["public_key"]]}
    placed = order(api, [{"plan": plan, "interval": "month", "configuration": configuration}])
    pay(api, placed["id"])
    service = delivered(api, placed["id"])[0]
    access = api("GET", f"/api/v1/services/{service['id']}")["access"]
    machine = place.machines_of(service["id"])[0]
    print(f"\n  {access['command']}")
    print(f"  {access['note']}")
    if access["command"] != f"ssh root@{service['address']}":
        raise DemoFailed("the page does not say how to enter")
    if not place.lets_in(machine["vmid"], key["public_key"]):
        raise DemoFailed("the machine does not let the key's owner in")
    if place.lets_in(machine["vmid"], _public_key()):
        raise DemoFailed("the machine lets a stranger in")
    wait_for("a mail that says how", lambda: [mail for mail in place.mails(email) if access["command"] in mail["text"]])
    print("  The machine lets the owner of the key in, and nobody else; the mail says how.")


def _public_key() -> str:
    """A well-formed ed25519 key nobody has the private half of: nothing signs in here, the machine is a stand-in."""
    parts = (b"ssh-ed25519", secrets.token_bytes(32))
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} demo@laptop"
