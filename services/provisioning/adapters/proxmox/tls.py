"""Trust in exactly one certificate: the usual case for a Proxmox VE host, which signs its own."""

import hashlib
import hmac
import re
import ssl


def pinned_context(fingerprint: str) -> ssl.SSLContext:
    """A client context that accepts only the certificate with this SHA-256 fingerprint, whoever issued it.

    The check is part of the handshake, so nothing (no credential above all) is sent to anybody else.
    Raises ValueError when `fingerprint` is not 32 bytes in hex, with or without colons.
    """
    expected = fingerprint.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", expected):
        raise ValueError("a fingerprint is the SHA-256 of the certificate: 64 hex digits")

    class PinnedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True) or b""
            if not hmac.compare_digest(hashlib.sha256(certificate).hexdigest(), expected):
                raise ssl.SSLCertVerificationError("the server's certificate is not the pinned one")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # the fingerprint names one certificate; its names and issuer add nothing
    context.verify_mode = ssl.CERT_NONE
    context.sslobject_class = PinnedObject
    return context
