"""A short run of the seeded faults belongs to every test run; the long ones are `make chaos`."""

import pytest

from tests.chaos.run import Run
from tests.support.launching import forked

pytestmark = [pytest.mark.distributed, pytest.mark.chaos, pytest.mark.fault(36)]


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_promise_holds_through_a_short_storm(seed: int) -> None:
    said: list[str] = []
    outcome = await Run(seed, 12, minutes=5, say=said.append, launch=forked).go()
    assert outcome.holds, "\n".join([*said, *outcome.lines()])
