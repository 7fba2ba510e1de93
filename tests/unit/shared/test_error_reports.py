"""What goes wrong reaches Sentry, whichever way it was logged, and no secret goes with it."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
import structlog
from sentry_sdk.transport import Transport

from shared.telemetry.errors import report_line
from shared.telemetry.logs import configure_logging
from shared.telemetry.sentry import send


class _Kept(Transport):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Any) -> None:
        self.events.extend(item.get_event() for item in envelope.items if item.get_event())


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Sentry with a transport that keeps what it would send; off again afterwards."""
    transport = _Kept()
    sentry_sdk.init(dsn="https://key@errors.example/1", transport=transport, default_integrations=False)
    monkeypatch.setattr("shared.telemetry.errors._send", send)  # as configure_errors does where there is a DSN
    before = structlog.get_config()
    configure_logging("INFO", file=io.StringIO())
    yield transport.events
    structlog.configure(**before)
    sentry_sdk.init(dsn=None)


def test_an_error_line_is_reported_without_its_secrets(reports: list[Any]) -> None:
    structlog.get_logger().error("promise_broken", promise="I1", ids=["itm_1"], api_token="hunter2-hunter2")
    [report] = reports
    assert (report["message"], report["level"]) == ("promise_broken", "error")
    assert report["contexts"]["line"]["ids"] == ["itm_1"]
    assert "hunter2" not in str(report)


def test_a_warning_is_not_reported(reports: list[Any]) -> None:
    structlog.get_logger().warning("relay_waits")
    report_line({"level": "info", "event": "answered"})
    assert reports == []
