"""A circuit breaker: when a provider does not answer, one caller asks now and then, and the others wait."""

import time
from collections.abc import Callable

_PROBE_RUNS = 2.0


class CircuitBreaker:
    """Opens after `threshold` failures in a row; then lets one probe through at a time.

    The pause before a probe doubles from `first_pause` to `longest_pause` seconds. One instance per provider and
    process, used from one event loop. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        *,
        threshold: int = 5,
        first_pause: float = 5.0,
        longest_pause: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._clock = clock
        self._failures = 0
        self._probes_failed = 0
        self._shut_until = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether the provider counts as away."""
        return self._failures >= self._threshold

    def admit(self) -> float:
        """Seconds to wait before asking again; 0.0 means: call now, and say how it went."""
        if not self.is_open:
            return 0.0
        left = self._shut_until - self._clock()
        if left > 0:
            return left
        if self._probing:
            return _PROBE_RUNS
        self._probing = True
        return 0.0

    def succeeded(self) -> bool:
        """The provider answered. True when that closes the circuit."""
        was_open = self.is_open
        self._failures = self._probes_failed = 0
        self._probing = False
        return was_open

    def failed(self) -> None:
        """The provider did not answer."""
        self._failures += 1
        if self._failures == self._threshold:
            self._shut_until = self._clock() + self._first_pause
        elif self.is_open and self._probing:
            self._probes_failed += 1
            pause = min(self._longest_pause, self._first_pause * 2.0 ** min(self._probes_failed, 16))
            self._shut_until = self._clock() + pause
        self._probing = False

    def leave(self) -> None:
        """The admitted call ended without telling anything about the provider; somebody else may probe."""
        self._probing = False
