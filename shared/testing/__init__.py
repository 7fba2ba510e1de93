"""Builders and clocks for tests; never imported by shipped code."""

from shared.testing.clocks import FrozenClock
from shared.testing.probes import eventually

__all__ = ["FrozenClock", "eventually"]
