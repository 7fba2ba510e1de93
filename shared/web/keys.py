"""The keys tokens are signed with (RFC 7517): one private key per issuer, and the set of public halves everybody has.

A key's `kid` is `<issuer>.<thumbprint>`, so an issuer may have several at once: a new public half is added everywhere
before anything is signed with it, and the old one is taken out when nothing signed with it is valid any more. Keys
made by earlier versions have the issuer's bare name as their `kid`.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

ALGORITHM = "ES256"
_CURVE = "P-256"


def issuer_of(kid: str) -> str:
    """Whose key this is."""
    return kid.partition(".")[0]


def generate_key(issuer: str) -> tuple[str, dict[str, str]]:
    """A new signing key for `issuer`: the private JWK as JSON, and its public half for the key set."""
    made = ECKey.generate_key(_CURVE)
    kid = f"{issuer}.{made.thumbprint()[:16]}"
    key = ECKey.import_key({**made.as_dict(private=True), "kid": kid, "alg": ALGORITHM, "use": "sig"})
    return json.dumps(key.as_dict(private=True)), public_half(key)


def public_half(key: ECKey) -> dict[str, str]:
    """What others may know of a key."""
    return {str(name): str(value) for name, value in key.as_dict(private=False).items()}


def read_signing_key(private_jwk: str) -> ECKey:
    """The key in a private JWK. Raises ValueError, whose words do not repeat it."""
    key = _read(_json(private_jwk))
    if not key.is_private:
        raise ValueError("must be a private JWK; this is only the public half")
    return key


def read_key_set(jwks: str) -> dict[str, ECKey]:
    """The public keys in a JWKS by `kid`. Raises ValueError for anything else, above all for a private key in it."""
    document = _json(jwks)
    entries = document.get("keys")
    if not isinstance(entries, list) or not entries:
        raise ValueError('must be {"keys": [...]} with at least one public JWK')
    keys = [_read(entry) for entry in entries]
    if any(key.is_private for key in keys):
        raise ValueError(
            "holds a private key, which everybody could now sign with: make a new one, publish public halves"
        )
    found = {str(key.kid): key for key in keys}
    if len(found) != len(keys):
        raise ValueError("names two keys alike; every kid must be unique")
    return found


def key_set(public: Iterable[Mapping[str, str]]) -> str:
    """The JWKS of these public halves."""
    return json.dumps({"keys": [dict(half) for half in public]})


def key_fault(private_jwk: str, jwks: str, issuer: str) -> str | None:
    """Why others would refuse what `issuer` signs with this key; None when they would not."""
    key = read_signing_key(private_jwk)
    if issuer_of(str(key.kid)) != issuer:
        return f"this key was made for another service; make one with `ez keys {issuer}`"
    known = read_key_set(jwks).get(str(key.kid))
    if known is None or known.thumbprint() != key.thumbprint():
        return "its public half is not in EZ_TOKEN_KEYS, so nobody would believe what it signs"
    return None


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError("is not JSON") from error
    if isinstance(found, dict):
        return found
    raise ValueError("must be a JSON object")


def _read(entry: Any) -> ECKey:
    try:
        key = ECKey.import_key(entry)
        usable = key.get("crv") == _CURVE and bool(key.kid)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("is not a JWK on the curve P-256") from error
    if not usable:
        raise ValueError("must be a JWK on the curve P-256 with a kid")
    return key
