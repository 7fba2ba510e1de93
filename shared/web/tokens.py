"""Short-lived signed tokens between our own processes: who is calling, and for whom (RFC 7519, ES256).

Identity signs tokens for people (`sub` = user id, audience `ez`); a service signs for itself (`sub` =
`service:<name>`, audience = the service it calls). Each issuer has its own key, named by `kid`, and nothing but
that key can speak for it.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.web.problems import Unauthenticated

ALGORITHM = "ES256"
PEOPLE = "ez"
LIFETIME = 60
_SKEW = 5
_CACHED = 2048


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: a person acting for an account, a member of staff, or one of our own services."""

    subject: str
    name: str = ""
    email: str = ""
    account_id: str | None = None
    account_name: str = ""
    role: str | None = None
    staff_roles: tuple[str, ...] = field(default=())
    session_id: str = ""

    @property
    def service(self) -> str | None:
        """The calling service's name when the caller is one of ours."""
        return self.subject.removeprefix("service:") if self.subject.startswith("service:") else None

    @property
    def user_id(self) -> str:
        """The person's user id; empty for a service."""
        return "" if self.service else self.subject


def generate_key(issuer: str) -> tuple[str, dict[str, str]]:
    """A new signing key for `issuer`: the private JWK as JSON, and its public half for the key set."""
    key = ECKey.generate_key("P-256", parameters={"kid": issuer, "alg": ALGORITHM, "use": "sig"})
    return json.dumps(key.as_dict(private=True)), {str(k): str(v) for k, v in key.as_dict(private=False).items()}


class TokenSigner:
    """Signs on behalf of one issuer."""

    def __init__(self, private_jwk: str) -> None:
        self._key = ECKey.import_key(json.loads(private_jwk))
        self.issuer = str(self._key.kid)

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
        }
        return self._sign(claims, PEOPLE, lifetime)

    def for_service(self, audience: str) -> str:
        """A token with which this service calls the service `audience`."""
        return self._sign({"sub": f"service:{self.issuer}"}, audience, LIFETIME)

    def _sign(self, claims: Mapping[str, object], audience: str, lifetime: int) -> str:
        now = int(time.time())
        payload = {**claims, "iss": self.issuer, "aud": audience, "iat": now, "exp": now + lifetime}
        return jwt.encode({"alg": ALGORITHM, "kid": self.issuer}, payload, self._key, algorithms=[ALGORITHM])


class TokenVerifier:
    """Checks tokens presented to the service `audience`. Keys come from settings, never from the token."""

    def __init__(self, jwks: str, audience: str) -> None:
        keys = (ECKey.import_key(item) for item in json.loads(jwks)["keys"])
        self._keys = {str(key.kid): key for key in keys}
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
        if header["kid"] != issuer or expires <= now or issued > now + _SKEW:
            raise ValueError("issuer or time")
        if subject.startswith("service:"):
            if audience != self._audience or subject != f"service:{issuer}":
                raise ValueError("audience")
            return Principal(subject=subject, name=str(issuer))
        if audience != PEOPLE or issuer != "identity":
            raise ValueError("audience")
        staff = claims.get("staff")
        return Principal(
            subject=subject,
            name=str(claims.get("name") or ""),
            email=str(claims.get("email") or ""),
            account_id=_text(claims.get("acc")),
            account_name=str(claims.get("acn") or ""),
            role=_text(claims.get("role")),
            staff_roles=tuple(str(role) for role in staff) if isinstance(staff, list) else (),
            session_id=str(claims.get("sid") or ""),
        )


def _text(value: object) -> str | None:
    return str(value) if value else None
