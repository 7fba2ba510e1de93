"""What makes a setting unfit for production: the rules that several settings share.

A rule returns advice, or None when there is nothing to object to. Advice never repeats the value. Which setting a rule
is applied to, its class says (`deploy_findings`).
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

SHORTEST_PASSWORD = 16
SHORTEST_SECRET = 32
_FEWEST_CHARACTERS = 8  # a random password of 16 characters has fewer different ones once in a million times
_LONGEST_COINCIDENCE = 3
_VARIETY = 0.8  # different three-letter pieces in all of them: nothing random repeats itself
_STEADY = 0.4  # neighbours in the alphabet or on the keyboard in all neighbours
_WORDS = re.compile(
    r"change.?me|secret|passwor[dt]|default|example|sandbox|guest|admin|postgres|rabbit|qwert|letmein|welcome|replace"
)
_LEET = str.maketrans("0134578@$!", "oieasvbasi")
_NEIGHBOURS = "qwertyuiop asdfghjkl zxcvbnm 1234567890 0987654321 mnbvcxz lkjhgfdsa poiuytrewq"
# Names that no public DNS has, for examples, tests and local networks: RFC 2606, RFC 6761, RFC 6762, RFC 9476 and
# what ICANN set aside for private use ("internal").
_PLACEHOLDERS = ("example", "test", "invalid", "example.com", "example.net", "example.org")
_PRIVATE = ("internal", "local", "lan", "home.arpa", "localhost", "svc", "cluster.local")
_SUPERUSERS = frozenset({"postgres", "root", "admin", "administrator", "rdsadmin", "cloudsqlsuperuser", "doadmin"})
_UNCHECKED_TLS = frozenset({"disable", "allow", "prefer"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting that is not fit for production, and what to do about it."""

    variable: str
    advice: str


def weak_secret(value: str, shortest: int = SHORTEST_SECRET, about: Iterable[str] = ()) -> str | None:
    """Advice when `value` can be guessed: short without its words, uniform, repeated, or typed along the keyboard.

    `about` are words that whoever guesses would try first, such as the name of the role.
    """
    left = _WORDS.sub("", value.lower().translate(_LEET))
    for word in about:
        left = left.replace(word.lower().translate(_LEET), "") if len(word) > _LONGEST_COINCIDENCE else left
    pieces = [value[start : start + 3] for start in range(len(value) - 2)]
    guessable = (
        len(left) < shortest
        or len(set(value)) < _FEWEST_CHARACTERS
        or len(set(pieces)) < _VARIETY * len(pieces)
        or _steadiness(value.lower()) > _STEADY
    )
    return f"use at least {shortest} random characters, e.g. from `openssl rand -base64 48`" if guessable else None


def _steadiness(text: str) -> float:
    """How much of `text` follows the alphabet, the digits or a row of the keyboard, from 0 to 1."""
    pairs = list(pairwise(text))
    steady = sum(abs(ord(second) - ord(first)) == 1 or first + second in _NEIGHBOURS for first, second in pairs)
    return steady / max(1, len(pairs))


def is_loopback(host: str | None) -> bool:
    """Whether the host is this machine itself."""
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_private(host: str | None) -> bool:
    """Whether the host is within one's own network: without a dot, or a name or an address set aside for that."""
    if host is None:
        return False
    address = _address(host)
    return address.is_private if address is not None else "." not in host or _ends_with(host, _PRIVATE)


def is_placeholder(host: str | None) -> bool:
    """Whether the host is one that documents and tests use and nobody can have."""
    return host is not None and _ends_with(host, _PLACEHOLDERS)


def _ends_with(host: str, names: Iterable[str]) -> bool:
    name = host.lower().rstrip(".")
    return any(name == known or name.endswith(f".{known}") for known in names)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def public_address(url: str) -> str | None:
    """Advice unless visitors reach `url` over TLS, under a name of their own."""
    parts = urlsplit(url)
    if parts.scheme != "https" or is_loopback(parts.hostname) or is_private(parts.hostname):
        return "use the https:// address that visitors see"
    return "this is an example's name; use your own" if is_placeholder(parts.hostname) else None


def inner_address(url: str) -> str | None:
    """Advice unless a service of ours is reached over TLS or within one's own network."""
    parts = urlsplit(url)
    if is_placeholder(parts.hostname):
        return "this is an example's name; use your own"
    if parts.scheme != "https" and not is_private(parts.hostname):
        return "use https://, or an address in your own network"
    return None


def database_address(url: str) -> str | None:
    """Advice unless PostgreSQL is reached with a role of our own, a good password, and no readable line in public."""
    parts = urlsplit(url)
    name = unquote(parts.username or "")
    if name.lower() in _SUPERUSERS:
        return "use the service's own role, not one that may do everything; `ez migrate` makes it"
    if is_placeholder(parts.hostname):
        return "this is an example's name; use your own"
    mode = parse_qs(parts.query).get("sslmode", [""])[-1]
    if mode in _UNCHECKED_TLS:
        return "use sslmode=verify-full or require, or leave it out within your own network"
    if not mode and not is_private(parts.hostname):
        return "add ?sslmode=verify-full: this host is outside your own network"
    return weak_secret(unquote(parts.password or ""), SHORTEST_PASSWORD, _about(parts))


def broker_address(url: str) -> str | None:
    """Advice unless RabbitMQ is reached with a user of our own, a good password, and no readable line in public."""
    parts = urlsplit(url)
    if not parts.hostname:
        return "say where RabbitMQ is: amqps://user:password@host/"
    if is_placeholder(parts.hostname):
        return "this is an example's name; use your own"
    if parts.username in (None, "guest"):
        return "use a user of its own and a random password, not guest"
    if parts.scheme != "amqps" and not is_private(parts.hostname):
        return "use amqps://: this host is outside your own network"
    return weak_secret(unquote(parts.password or ""), SHORTEST_PASSWORD, _about(parts))


def _about(parts: SplitResult) -> tuple[str, ...]:
    user = unquote(parts.username or "")
    return (user, *user.split("_"), parts.hostname or "")
