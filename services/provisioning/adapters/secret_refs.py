"""Where the secrets of providers are: named by reference in their rows, and read when they are used.

Staff may name a reference and an address to send the secret to, so a reference reaches only what was put there for
providers: variables of one prefix, and files of one folder.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_VARIABLE = re.compile(r"PROVISIONING_PROVIDER_[A-Z0-9_]{1,80}")


class SecretRefs:
    """`known` are secrets the settings have read already, by the name of their variable."""

    def __init__(self, known: Mapping[str, str], folder: Path) -> None:
        self._known = dict(known)
        self._folder = folder

    def check(self, reference: str) -> None:
        """Raises ValueError unless `reference` is one that may be used."""
        scheme, _, name = reference.partition(":")
        if scheme == "env" and (name in self._known or _VARIABLE.fullmatch(name)):
            return
        if scheme == "file" and self._inside(name):
            return
        raise ValueError(
            f"must be env:PROVISIONING_PROVIDER_… or file:{self._folder}/…; the secret itself is never stored"
        )

    def read(self, reference: str) -> str:
        """The secret. Raises ValueError when it may not be used, and LookupError when nothing is there."""
        self.check(reference)
        scheme, _, name = reference.partition(":")
        if scheme == "env":
            value = self._known.get(name) or os.environ.get(name, "")
        else:
            try:
                value = Path(name).read_text().strip()
            except OSError as error:
                raise LookupError(f"{reference}: {type(error).__name__}") from None
        if not value:
            raise LookupError(f"{reference} is empty")
        return value

    def _inside(self, name: str) -> bool:
        path = Path(name)
        return path.is_absolute() and self._folder.resolve() in path.resolve().parents
