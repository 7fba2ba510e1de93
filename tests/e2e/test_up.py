"""`ez up` as a newcomer meets it: a busy port is said clearly, Ctrl-C stops cleanly, data survives, kills included."""

import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ez import demo
from ez.demo import steps
from tests.support.embedded import Embedded, free_base_port

pytestmark = [pytest.mark.e2e]


@pytest.fixture
def own() -> Iterator[Embedded]:
    """An instance of this test's own, not started yet."""
    with tempfile.TemporaryDirectory(prefix="ez-up-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        yield Embedded(Path(directory) / "home", free_base_port())


@pytest.mark.parametrize("part", ["gateway", "billing", "smtp", "postgres"])
def test_a_busy_port_is_said_in_one_sentence(own: Embedded, part: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", own.ports[part]))
        taken.listen()
        with pytest.raises(RuntimeError):
            own.start()
    said = own.output.read_text()
    assert str(own.ports[part]) in said
    assert "PORT=" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_what_was_bought_is_still_there_after_a_restart(own: Embedded, ending: signal.Signals, code: int) -> None:
    own.start()
    api = demo.Api(own.url)
    demo.sign_up(api)
    order = steps.order(api, [{"plan": "vps-s", "interval": "month", "configuration": {"hostname": "kept"}}])
    steps.pay(api, order["id"])
    assert own.stop(ending) == code
    own.start()
    try:
        found = api("GET", f"/api/v1/orders/{order['id']}")
        assert found["number"] == order["number"]
        steps.wait_for("the order", lambda: api("GET", f"/api/v1/orders/{order['id']}")["status"] == "fulfilled")
        assert len(own.machines()) == 1
    finally:
        own.stop()
    assert "Traceback" not in own.output.read_text()
