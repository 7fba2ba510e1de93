"""The circuit breaker, second by second."""

from services.provisioning.adapters.breaker import CircuitBreaker


class Seconds:
    """A monotonic clock that stands still."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Seconds) -> CircuitBreaker:
    breaker = CircuitBreaker(threshold=5, first_pause=5, longest_pause=60, clock=clock)
    for _ in range(5):
        assert breaker.admit() == 0
        breaker.failed()
    return breaker


def test_it_opens_after_five_failures_in_a_row_and_not_before() -> None:
    breaker = CircuitBreaker(clock=Seconds())
    for _ in range(4):
        breaker.failed()
    assert not breaker.is_open
    assert not breaker.succeeded()
    for _ in range(4):
        breaker.failed()
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open


def test_while_it_is_open_callers_are_told_how_long_to_wait() -> None:
    clock = Seconds()
    breaker = opened(clock)
    assert breaker.admit() == 5
    clock.now += 3
    assert breaker.admit() == 2


def test_one_probe_is_let_through_at_a_time() -> None:
    clock = Seconds()
    breaker = opened(clock)
    clock.now += 5
    assert breaker.admit() == 0
    assert breaker.admit() > 0


def test_a_probe_that_succeeds_closes_it() -> None:
    clock = Seconds()
    breaker = opened(clock)
    clock.now += 5
    breaker.admit()
    assert breaker.succeeded()
    assert [breaker.admit(), breaker.admit()] == [0, 0]


def test_every_probe_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    clock = Seconds()
    breaker = opened(clock)
    pauses = []
    for _ in range(6):
        clock.now += breaker.admit()
        assert breaker.admit() == 0
        breaker.failed()
        pauses.append(breaker.admit())
    assert pauses == [10, 20, 40, 60, 60, 60]


def test_calls_that_were_under_way_when_it_opened_do_not_lengthen_the_pause() -> None:
    breaker = opened(Seconds())
    for _ in range(10):
        breaker.failed()
    assert breaker.admit() == 5


def test_a_probe_that_tells_nothing_leaves_its_place_to_another() -> None:
    clock = Seconds()
    breaker = opened(clock)
    clock.now += 5
    assert breaker.admit() == 0
    breaker.leave()
    assert breaker.admit() == 0
