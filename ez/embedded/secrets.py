"""The secrets of an embedded instance: made once, kept readable for their owner alone."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from shared.web.keys import generate_key

ISSUERS = ("identity", "gateway", "catalog", "support")
_DATABASES = ("identity", "billing", "catalog", "provisioning", "support")
_WORDS = ("link_secret", "csrf_secret", "webhook_secret", "stripe_key", "hypervisor_token")


def load_or_make(path: Path) -> dict[str, str]:
    """The secrets in `path`, completed with fresh ones where some are missing."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    found = fresh(kept)
    if found != kept:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(found, file, indent=1)
        new.replace(path)
    return found


def fresh(kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """A full set of secrets: what is kept stays, what is missing is made."""
    found = dict(kept or {})
    for word in (*_WORDS, *(f"database_{name}" for name in _DATABASES)):
        found.setdefault(word, secrets.token_urlsafe(32))
    found.setdefault("seal_provisioning", base64.b64encode(os.urandom(32)).decode())
    if any(f"key_{issuer}" not in found for issuer in ISSUERS):
        public = []
        for issuer in ISSUERS:
            found[f"key_{issuer}"], half = generate_key(issuer)
            public.append(half)
        found["token_keys"] = json.dumps({"keys": public})
    return found
