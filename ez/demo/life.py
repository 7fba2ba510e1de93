"""What staff do with a service, with a reason each time, and what its customer cannot undo meanwhile."""

from typing import Any

from ez.demo.steps import Api, DemoFailed, Place, delivered, order, pay, request, say, sign_up, wait_for

_STAFF = {"email": "staff@demo.example", "password": "quiet-lantern-77"}


def run(place: Place, plan: str) -> None:
    """Raises DemoFailed unless the machine is off while suspended and ended, and runs again afterwards."""
    customer, staff = Api(place.url), Api(place.url)
    print("Suspending, resuming, ending and restoring a server")
    sign_up(customer)
    placed = order(customer, [{"plan": plan, "interval": "month", "configuration": {"hostname": "life"}}])
    pay(customer, placed["id"])
    service = delivered(customer, placed["id"])[0]
    staff.token = staff("POST", "/api/v1/sessions", _STAFF)["token"]

    def decide(verb: str, reason: str) -> None:
        staff("POST", f"/api/v1/staff/entitlements/{service['entitlement_id']}/{verb}", {"reason": reason})

    def until(status: str, power: str) -> None:
        wait_for(f"the service to be {status}", lambda: _is(customer, service["id"], status))
        wait_for(f"the machine to be {power}", lambda: _powers(place, service["id"]) == [power])
        say(f"{status}: the machine is {power}")

    decide("suspend", "An invoice is unpaid")
    until("suspended", "stopped")
    _cannot_start(customer, service["id"])
    decide("resume", "The invoice was paid")
    until("active", "running")
    decide("end", "The customer asked for it")
    wait_for("the service to end", lambda: not _is(customer, service["id"], "active"))
    wait_for("the machine to be stopped", lambda: _powers(place, service["id"]) == ["stopped"])
    say("ended: the machine is stopped, and kept for its grace")
    _cannot_start(customer, service["id"])
    decide("restore", "The customer changed their mind")
    until("active", "running")
    print("\n  One machine all along, and it runs.")


def _is(api: Api, service_id: str, status: str) -> bool:
    return bool(api("GET", f"/api/v1/services/{service_id}")["status"] == status)


def _powers(place: Place, service_id: str) -> list[Any]:
    return [machine["status"] for machine in place.machines_of(service_id)]


def _cannot_start(api: Api, service_id: str) -> None:
    """The customer presses the button all the same."""
    path, headers = f"{api.url}/api/v1/services/{service_id}/power", {"Authorization": f"Bearer {api.token}"}
    try:
        request("POST", path, {"action": "start"}, headers)
    except DemoFailed as refused:
        if "answered 409" not in str(refused):
            raise
        say("its customer cannot start it (409)")
        return
    raise DemoFailed("the customer could start what staff had stopped")
