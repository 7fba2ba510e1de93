"""How objects looked in older API versions: an event keeps the version it was created with."""

from sandbox.stripe.store import JsonObject


def as_before_basil(obj: JsonObject) -> JsonObject:
    """An invoice or subscription as before 2025-03-31.basil, where what an invoice is for and when a period ends stood
    elsewhere (https://docs.stripe.com/changelog/basil); other objects as they are."""
    if obj.get("object") == "invoice":
        parent = obj.get("parent") or {}
        details = parent.get("subscription_details") or {}
        older = {name: value for name, value in obj.items() if name != "parent"}
        return {**older, "subscription": details.get("subscription")}
    if obj.get("object") == "subscription":
        items = [
            {name: value for name, value in item.items() if not name.startswith("current_period_")}
            for item in obj["items"]["data"]
        ]
        ends = [item["current_period_end"] for item in obj["items"]["data"]]
        return {**obj, "items": {**obj["items"], "data": items}, "current_period_end": min(ends, default=None)}
    return obj
