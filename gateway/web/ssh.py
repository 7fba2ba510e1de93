"""What the forms must know of SSH keys: which of the saved ones are chosen, and whether one is the private half."""

from collections.abc import Iterable

PRIVATE_KEY = (
    "This is a private key. Never give it to anybody, us included. Paste the public one: the file that ends in .pub. "
    "We did not keep what you pasted."
)


def is_private(text: str) -> bool:
    """Whether there is a private key in it, in any of the formats that say so (PEM, OpenSSH, PuTTY)."""
    shouted = text.upper()
    return "PRIVATE KEY" in shouted or "PRIVATE-LINES" in shouted or "PUTTY-USER-KEY-FILE" in shouted


def is_chosen(key: str, chosen: Iterable[str]) -> bool:
    """Whether a saved key is among the chosen ones, whatever comment either of them bears."""
    return _identity(key) in {_identity(one) for one in chosen}


def pasted(chosen: Iterable[str], saved: Iterable[str]) -> str:
    """The chosen keys that are not among the saved ones, one a line."""
    known = {_identity(one) for one in saved}
    return "\n".join(one for one in chosen if _identity(one) not in known)


def _identity(key: str) -> tuple[str, ...]:
    """Type and key; what follows is a comment (sshd(8), AUTHORIZED_KEYS FILE FORMAT)."""
    return tuple(key.split()[:2])
