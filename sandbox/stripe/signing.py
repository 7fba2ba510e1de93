"""Stripe's webhook signature, scheme v1 (https://docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """The v1 value: HMAC-SHA256 over `timestamp.payload`, in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()


def header(payload: bytes, secret: str, timestamp: int) -> str:
    """The `Stripe-Signature` header for the raw bytes of a delivery."""
    return f"t={timestamp},v1={signature(payload, secret, timestamp)}"


def forged(kind: str, payload: bytes, secret: str, timestamp: int) -> tuple[bytes, str | None]:
    """The body and header an attacker of that kind would send; None sends no header. Raises KeyError for a kind
    that neither faults.FORGERIES nor faults.MISDIRECTED names."""
    tampered = payload.replace(b'"livemode": false', b'"livemode": true')
    attacks: dict[str, tuple[bytes, str | None]] = {
        "wrong_secret": (payload, header(payload, secret + "_forged", timestamp)),
        "missing_header": (payload, None),
        "empty_header": (payload, ""),
        "only_v0": (payload, f"t={timestamp},v0={signature(payload, secret, timestamp)}"),
        "garbage_timestamp": (payload, f"t=soon,v1={signature(payload, secret, timestamp)}"),
        "stale_timestamp": (payload, header(payload, secret, timestamp - 3600)),
        "future_timestamp": (payload, header(payload, secret, timestamp + 3600)),
        "tampered_body": (
            tampered,
            header(payload, secret, timestamp),
        ),
        "wrong_mode": (tampered, header(tampered, secret, timestamp)),
    }
    return attacks[kind]
