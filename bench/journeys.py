"""Where an order's time goes between the payment at Stripe and the active service, read from what each service kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import orjson

from bench.database import rows
from shared.kernel.ids import encode_id

STAGES = (
    "paid → webhook stored (Stripe, gateway, intake)",
    "stored → payment applied (billing's worker)",
    "applied → granted (relay, bus, catalog's worker)",
    "granted → job accepted (relay, bus, provisioning's consumer)",
    "accepted → active (provisioning's jobs, hypervisor)",
)
_RESOURCES = """
    SELECT order_id, extract(epoch FROM created_at)::float AS accepted,
           extract(epoch FROM activated_at)::float AS active
      FROM provisioning.resources
"""
_RECEIVED = """
    SELECT order_id, extract(epoch FROM min(received_at))::float AS at
      FROM billing.stripe_events
     WHERE order_id IS NOT NULL AND type IN ('checkout.session.completed', 'invoice.paid') GROUP BY order_id
"""
_FACTS = "SELECT body, extract(epoch FROM created_at)::float AS at FROM {schema}.outbox WHERE type = $1"


@dataclass(frozen=True, slots=True)
class Journey:
    """One order: milliseconds of each stage."""

    stages: dict[str, float]

    @property
    def total(self) -> float:
        """Milliseconds from paid to active."""
        return sum(self.stages.values())


async def journeys(url: str, paid: Mapping[str, float]) -> list[Journey]:
    """The journeys of orders, each paid at a time (Unix seconds). Raises KeyError for one that is not active."""
    received = {encode_id("ord", row["order_id"]): row["at"] for row in await rows(url, _RECEIVED)}
    applied = await _facts(url, "billing", "billing.checkout.paid.v1")
    granted = await _facts(url, "catalog", "catalog.entitlement.granted.v1")
    resources = {encode_id("ord", row["order_id"]): row for row in await rows(url, _RESOURCES)}
    found = []
    for order, begun in paid.items():
        resource = resources[order]
        moments = (begun, received[order], applied[order], granted[order], resource["accepted"], resource["active"])
        lasted = [1000 * (later - earlier) for earlier, later in pairwise(moments)]
        found.append(Journey(dict(zip(STAGES, lasted, strict=True))))
    return found


async def _facts(url: str, schema: str, wire_type: str) -> dict[str, float]:
    """When a fact of this type was written down, by its order."""
    found = await rows(url, _FACTS.format(schema=schema), wire_type)
    return {orjson.loads(row["body"])["data"]["order_id"]: row["at"] for row in found}


def slowest_stage(medians: Mapping[str, float]) -> str:
    """In words: which stage takes most of the time, and how much."""
    stage = max(medians, key=lambda name: medians[name])
    return f"most of the time, {medians[stage]:.0f} of {sum(medians.values()):.0f} ms in the median, is {stage}"
