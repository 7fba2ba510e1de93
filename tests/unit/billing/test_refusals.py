"""Whose refusal it is: Stripe's own is final, what was said on the way to it is not."""

import pytest
import stripe

from services.billing.adapters.payments import ProviderFailure
from services.billing.adapters.stripe.sdk import call
from shared.database import FailureClass

REFUSAL = {"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"}}


async def _raised(error: stripe.StripeError) -> ProviderFailure:
    async def request() -> None:
        raise error

    with pytest.raises(ProviderFailure) as raised:
        await call(request())
    return raised.value


async def test_a_refusal_with_an_error_object_is_stripes_and_final() -> None:
    failure = await _raised(stripe.InvalidRequestError("gone", "customer", "resource_missing", b"", 404, REFUSAL))
    assert (failure.failure, failure.answered) == (FailureClass.PERMANENT, True)


@pytest.mark.parametrize("status", [400, 403, 404, 413, 431])
async def test_a_refusal_without_one_was_said_by_something_before_stripe_and_is_asked_again(status: int) -> None:
    failure = await _raised(stripe.APIError("Invalid response body", b"Invalid HTTP request received.", status, None))
    assert (failure.failure, failure.answered) == (FailureClass.AMBIGUOUS, False)
