"""Links in mails. A link is computed from its verification's id, so a copy of the database opens nothing.

token = base64url(id's 16 bytes + HMAC-SHA256(secret, purpose | id)), without padding (RFC 4648, section 5).
"""

import base64
import binascii
import hashlib
import hmac
from urllib.parse import quote
from uuid import UUID

from services.identity.domain import Verification
from services.identity.domain.verifications import VerificationPurpose
from shared.kernel import decode_id, encode_id

LONGEST_TOKEN = 64
_ID_BYTES = 16
_PAGES: dict[VerificationPurpose, str] = {
    "verify_email": "/verify",
    "reset_password": "/reset-password",
    "already_registered": "/sign-in",
}
_WITHOUT_TOKEN: frozenset[VerificationPurpose] = frozenset({"already_registered"})


class Links:
    """Makes links that start with `public_url`, and reads their tokens back."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._secret = secret.encode()
        self._public_url = public_url

    def url(self, verification: Verification) -> str:
        """The address in the mail of a verification."""
        query = [] if verification.purpose in _WITHOUT_TOKEN else [f"token={self.token(verification)}"]
        if verification.next_path:
            query.append(f"next={quote(verification.next_path, safe='/')}")
        page = f"{self._public_url}{_PAGES[verification.purpose]}"
        return f"{page}?{'&'.join(query)}" if query else page

    def token(self, verification: Verification) -> str:
        """The secret part of the link."""
        raw = decode_id("ver", verification.id).bytes
        return base64.urlsafe_b64encode(raw + self._mac(verification.purpose, verification.id)).decode()

    def read(self, token: str, purpose: VerificationPurpose) -> str | None:
        """The id of the verification whose token this is; None for anything we did not make for `purpose`."""
        try:
            raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(raw) != _ID_BYTES + hashlib.sha256().digest_size:
            return None
        verification_id = encode_id("ver", UUID(bytes=raw[:_ID_BYTES]))
        genuine = hmac.compare_digest(raw[_ID_BYTES:], self._mac(purpose, verification_id))
        return verification_id if genuine else None

    def _mac(self, purpose: VerificationPurpose, verification_id: str) -> bytes:
        return hmac.digest(self._secret, f"{purpose}|{verification_id}".encode(), "sha256")
