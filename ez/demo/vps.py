"""One server, bought once however often the order is sent."""

import time

from ez.demo.steps import Api, DemoFailed, Place, delivered, order, pay, show, sign_up, wait_for


def run(place: Place, plan: str) -> None:
    """The whole purchase. Raises DemoFailed unless one service runs on one machine and was welcomed once."""
    started = time.monotonic()
    api = Api(place.url)
    print("Buying a VPS over the public API")
    email = sign_up(api)
    placed = order(api, [{"plan": plan, "interval": "month", "configuration": {"hostname": "demo"}}])
    pay(api, placed["id"])
    paid = time.monotonic()
    services = delivered(api, placed["id"])
    active = time.monotonic()
    if len(services) != 1:
        raise DemoFailed(f"expected one service, found {len(services)}")
    service = services[0]
    print(f"\n  Timeline of {placed['number']}")
    paths = (f"/api/v1/orders/{placed['id']}", f"/api/v1/services/{service['id']}")
    entries = [entry for path in paths for entry in api("GET", f"{path}/timeline")["data"]]
    show([entry for entry in entries if entry["state"] == "done"])
    welcome = wait_for(
        "the welcome mail", lambda: [mail for mail in place.mails(email) if service["name"] in mail["subject"]]
    )
    count = len(place.machines_of(service["id"]))
    print(f"\n  {service['name']} is {service['status']} at {service['address']}")
    print(f"  machines at the hypervisor: {count} · welcome mails: {len(welcome)}")
    print(f"  paid → active {active - paid:.1f} s · whole demo {time.monotonic() - started:.1f} s")
    if count != 1 or len(welcome) != 1:
        raise DemoFailed("exactly one machine and one welcome mail were promised")
