"""An event made in another API version: the object it tells of is read again in ours.

An event keeps the version it was created with, also when it is listed (https://docs.stripe.com/webhooks/versioning).
"""

from dataclasses import replace

import orjson

from services.billing.adapters.payments import PaymentProvider
from services.billing.use_cases.apply_event import StoredEvent
from shared.database import FailureClass, HandlingFailed


async def in_our_version(payments: PaymentProvider, event: StoredEvent) -> StoredEvent:
    """The same event with its object as it stands now, in our version. Raises HandlingFailed when there is none.

    What an attempt to pay failed with may be over by now: an intent that was paid meanwhile tells of its success.
    """
    try:
        item = orjson.loads(event.payload)["data"]["object"]
        kind, identity = str(item["object"]), str(item["id"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise HandlingFailed("unreadable: the payload names no object", FailureClass.PERMANENT) from error
    fetched = await payments.retrieve_object(kind, identity)
    kept = event.type
    if kept == "payment_intent.payment_failed" and fetched.get("status") == "succeeded":
        kept = "payment_intent.succeeded"
    payload = orjson.dumps({"data": {"object": fetched}}).decode()
    return replace(event, type=kept, api_version=None, payload=payload)
