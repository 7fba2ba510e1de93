"""Short-lived signed tokens between our own processes: who is calling, and for whom (RFC 7519, ES256).

Identity signs tokens for people (`sub` = user id, audience `ez`); a service signs for itself (`sub` =
`service:<name>`, audience = the service it calls). Each issuer has keys of its own, named by `kid`, and nothing but
those can speak for it; while one replaces another, both do (see keys.py).
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.contracts.permissions import permissions_of
from shared.kernel import Principal
from shared.web.keys import ALGORITHM, issuer_of, read_key_set, read_signing_key
from shared.web.problems import Unauthenticated

PEOPLE = "ez"
LIFETIME = 60
_SKEW = 5
_CACHED = 2048


class TokenSigner:
    """Signs on behalf of one issuer."""

    def __init__(self, private_jwk: str) -> None:
        self._key = read_signing_key(private_jwk)
        self._kid = str(self._key.kid)
        self.issuer = issuer_of(self._kid)

    def for_person(self, principal: Principal, lifetime: int = LIFETIME) -> str:
        """A token that lets any service act for this person for `lifetime` seconds."""
        claims = {
            "sub": principal.subject,
            "name": principal.name,
            "email": principal.email,
            "acc": principal.account_id,
            "acn": principal.account_name,
            "role": principal.role,
            "staff": list(principal.staff_roles),
            "sid": principal.session_id,
            "perm": sorted(principal.permissions),
            "auth_time": None if principal.authenticated_at is None else int(principal.authenticated_at.timestamp()),
        }
        return self._sign(claims, PEOPLE, lifetime)

    def for_service(self, audience: str) -> str:
        """A token with which this service calls the service `audience`."""
        return self._sign({"sub": f"service:{self.issuer}"}, audience, LIFETIME)

    def _sign(self, claims: Mapping[str, object], audience: str, lifetime: int) -> str:
        now = int(time.time())
        payload = {**claims, "iss": self.issuer, "aud": audience, "iat": now, "exp": now + lifetime}
        return jwt.encode({"alg": ALGORITHM, "kid": self._kid}, payload, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks tokens presented to the service `audience`. Keys come from settings, never from the token."""

    def __init__(self, jwks: str, audience: str) -> None:
        self._keys = read_key_set(jwks)
        self._audience = audience
        self._cache: OrderedDict[str, tuple[float, Principal]] = OrderedDict()

    def verify(self, token: str) -> Principal:
        """Who the token speaks for. Raises Unauthenticated for anything not provably ours, current and for us."""
        now = time.time()
        cached = self._cache.get(token)
        if cached and cached[0] > now:
            return cached[1]
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
            principal = self._principal(decoded.header, decoded.claims, now)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise Unauthenticated("The token is not valid.") from error
        self._cache[token] = (float(decoded.claims["exp"]), principal)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return principal

    def _key_of(self, token: object) -> ECKey:
        header = token.headers()  # type: ignore[attr-defined]  # joserfc's GuestProtocol
        return self._keys[header["kid"]]

    def _principal(self, header: dict[str, object], claims: dict[str, object], now: float) -> Principal:
        issuer, subject, audience = claims["iss"], str(claims["sub"]), claims["aud"]
        expires, issued = float(str(claims["exp"])), float(str(claims["iat"]))
        if issuer_of(str(header["kid"])) != issuer or expires <= now or issued > now + _SKEW:
            raise ValueError("issuer or time")
        if subject.startswith("service:"):
            if audience != self._audience or subject != f"service:{issuer}":
                raise ValueError("audience")
            return Principal(subject=subject, name=str(issuer))
        if audience != PEOPLE or issuer != "identity":
            raise ValueError("audience")
        return Principal(
            subject=subject,
            name=str(claims.get("name") or ""),
            email=str(claims.get("email") or ""),
            account_id=_text(claims.get("acc")),
            account_name=str(claims.get("acn") or ""),
            role=_text(claims.get("role")),
            staff_roles=_names(claims.get("staff")),
            session_id=str(claims.get("sid") or ""),
            permissions=_permissions(claims),
            authenticated_at=_moment(claims.get("auth_time")),
        )


def _permissions(claims: dict[str, object]) -> frozenset[str]:
    """What the token grants. A token of the version before names only roles."""
    if "perm" in claims:
        return frozenset(_names(claims["perm"]))
    return permissions_of(_text(claims.get("role")), _names(claims.get("staff")))


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _moment(value: object) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if type(value) is int else None


def _text(value: object) -> str | None:
    return str(value) if value else None
