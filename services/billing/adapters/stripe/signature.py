"""The signature of a delivery, checked over the very bytes that arrived.

Of Stripe's own check in the SDK this is the strict part: that one decodes and copies the body, takes any integer for
a timestamp and any time in the future for recent. It is the judge in the tests.
"""

import hmac
from collections.abc import Sequence

from services.billing.adapters.payments import InvalidSignature
from shared.kernel import Clock

# Seconds between signing and arrival, either way: Stripe's own default.
TOLERANCE = 300
_LONGEST_HEADER = 4096


class SignatureVerifier:
    """Checks `Stripe-Signature` against every configured secret (https://docs.stripe.com/webhooks#verify-manually)."""

    def __init__(self, secrets: Sequence[str], clock: Clock) -> None:
        if not secrets or not all(secret.strip() for secret in secrets):
            raise ValueError("a webhook secret must not be empty")
        self._secrets = tuple(secret.encode() for secret in secrets)
        self._clock = clock

    def verify(self, body: bytes, header: bytes | None) -> None:
        """Raises InvalidSignature unless a secret signed exactly this body no more than TOLERANCE seconds away."""
        if header is None or len(header) > _LONGEST_HEADER:
            raise InvalidSignature("missing or malformed header")
        signed_at, signatures = _parts(header)
        if abs(self._clock.now().timestamp() - int(signed_at)) > TOLERANCE:
            raise InvalidSignature("too old, or from the future")
        signed = b"%b.%b" % (signed_at, body)
        for secret in self._secrets:
            expected = hmac.digest(secret, signed, "sha256").hex().encode()
            if any(hmac.compare_digest(expected, signature) for signature in signatures):
                return
        raise InvalidSignature("no valid signature")


def _parts(header: bytes) -> tuple[bytes, list[bytes]]:
    """The one `t`, as it was signed, and every `v1`; other schemes prove nothing."""
    items = [item.partition(b"=") for item in header.split(b",")]
    times = [value for name, _equals, value in items if name == b"t"]
    # Of several times the signed one could not be told.
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12 or not all(equals for _, equals, _ in items):
        raise InvalidSignature("malformed header")
    return times[0], [value for name, _equals, value in items if name == b"v1"]
