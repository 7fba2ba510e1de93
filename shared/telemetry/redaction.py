"""Secrets are removed here, once, on the way to every log line and error report."""

import re
from collections.abc import Mapping
from typing import Any

MASK = "[redacted]"
_NAMES = re.compile(
    r"password|passwd|secret|token|authorization|cookie|api[_-]?key|signature|private[_-]?key|session_id$|card|cvc|iban",
    re.IGNORECASE,
)
# Every string of every line passes here: alternatives that begin with a letter of their own are looked for fast.
_VALUES = re.compile(
    r"sk_(?:live|test)_\w+|rk_(?:live|test)_\w+|pk_(?:live|test)_\w+"  # Stripe keys
    r"|whsec_\w+"  # Stripe webhook secrets
    r"|ezs_[\w-]{20,}"  # our session tokens
    r"|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*"  # JSON Web Tokens
    r"|PVEAPIToken=\S+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----"
)
_USER_INFO = re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)")  # user:password in an address
_DEPTH = 6


def redact_text(text: str) -> str:
    """`text` without anything that looks like a credential."""
    clean = _VALUES.sub(MASK, text)
    return _USER_INFO.sub(MASK, clean) if "://" in clean else clean


def redact(value: Any, depth: int = 0) -> Any:
    """A copy of `value` without secrets: by the name of the key, and by what a string looks like."""
    if depth > _DEPTH:
        return MASK
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {
            key: MASK if isinstance(key, str) and _NAMES.search(key) and item else redact(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, depth + 1) for item in value]
    return value
