"""A token bucket per caller, in memory: it protects this process; identity keeps its own counts of sign-ins."""

import time
from collections import OrderedDict
from dataclasses import dataclass

_MOST = 20_000


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
