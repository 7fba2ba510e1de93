"""What tests ask about payment pages."""

from typing import Any

from tests.api.billing.conftest import Billing
from tests.support.callers import service_bearer
from tests.support.stripe_sandbox import RunningSandbox


async def sessions(sandbox: RunningSandbox, **params: Any) -> list[dict[str, Any]]:
    """Every session at Stripe, as JSON."""
    answer = await sandbox.control.get("/v1/checkout/sessions", params={"limit": 100, **params})
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def slug(answer: Any) -> str:
    kind: str = answer.json()["type"]
    return kind.rpartition("/")[2]


async def ask(billing: Billing, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    """POST /internal/checkouts with any body and caller."""
    caller = service_bearer("catalog", "billing") if headers is None else headers
    return await billing.client.post("/internal/checkouts", json=body, headers=caller)
