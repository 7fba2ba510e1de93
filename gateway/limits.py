"""Counts in memory that protect this process: a token bucket per caller, and slots for live streams.

They are this process's own; identity keeps its own counts of sign-ins, which hold for all replicas.
"""

import contextlib
import ipaddress
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

_MOST = 20_000
_IPV6_NETWORK = 64  # bits: whoever has one IPv6 address has all of its /64


def network_of(address: str) -> str:
    """What counts as one network address: an IPv4 address, or the /64 around an IPv6 address."""
    if ":" not in address:
        return address
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_network((address.partition("%")[0], _IPV6_NETWORK), strict=False))
    return address


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, what is left of the burst, and when to come back (seconds)."""

    allowed: bool
    limit: int
    remaining: int
    retry_after: int

    def headers(self) -> dict[str, str]:
        """The RateLimit header fields (draft-ietf-httpapi-ratelimit-headers)."""
        return {"ratelimit-limit": str(self.limit), "ratelimit-remaining": str(self.remaining)}


class RateLimiter:
    """`rate` requests per second on average, `burst` at once; memory is bounded, the least recent are forgotten."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def check(self, caller: str) -> Verdict:
        """Takes one token from the caller's bucket."""
        now = time.monotonic()
        bucket = self._buckets.pop(caller, None) or _Bucket(float(self._burst), now)
        bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        allowed = bucket.tokens >= 1
        if allowed:
            bucket.tokens -= 1
        self._buckets[caller] = bucket
        if len(self._buckets) > _MOST:
            self._buckets.popitem(last=False)
        wait = 0 if allowed else max(1, round((1 - bucket.tokens) / self._rate))
        return Verdict(allowed, self._burst, int(bucket.tokens), wait)


class NoSlot(Exception):
    """There are too many streams already: of this account, from this address, or in all."""


class StreamSlots:
    """Places for live streams, so that nobody can use up everybody's."""

    def __init__(self, *, per_account: int, per_address: int, in_all: int) -> None:
        self._most = {"account": per_account, "address": per_address, "all": in_all}
        self._open: Counter[tuple[str, str]] = Counter()

    @contextlib.contextmanager
    def one(self, *, account: str | None, address: str) -> Iterator[None]:
        """Holds a place while the block runs. Raises NoSlot."""
        places = [("all", ""), ("address", address), *([("account", account)] if account else [])]
        if any(self._open[place] >= self._most[place[0]] for place in places):
            raise NoSlot
        self._open.update(places)
        try:
            yield
        finally:
            self._open.subtract(places)
            for place in places:
                if self._open[place] <= 0:
                    del self._open[place]

    def taken(self) -> int:
        """How many streams are open."""
        return self._open[("all", "")]
