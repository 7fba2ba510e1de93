"""A process carries only what it uses: what weighs megabytes is loaded when it is first needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ez.embedded.environment import build_environment, ports_from
from ez.embedded.secrets import fresh
from ez.services import NAMES

ROOT = Path(__file__).parents[2]
_COMPOSED = """
import sys
from ez.processes import observe
from ez.services import compose, settings_of
observe("test", settings_of("{service}"))
compose("{service}").app
print(*(name for name in {names!r} if name in sys.modules))
"""
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
HEAVY = ("sentry_sdk", _EXPORTER, "google.protobuf", "requests", "zxcvbn", "alembic")


def loaded(service: str, **environment: str) -> set[str]:
    """Which heavy modules a process of this service has loaded once it is composed."""
    values = build_environment(ports_from(8000), fresh(), "postgresql://postgres:x@127.0.0.1:1/postgres")
    values |= {"EZ_BROKER_URL": "amqp://127.0.0.1:1/", "EZ_ENVIRONMENT": "test", **environment}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "EZ_"))}
    done = subprocess.run(
        [sys.executable, "-c", _COMPOSED.format(service=service, names=HEAVY)],
        cwd=ROOT,
        env=kept | values,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("service", NAMES)
def test_a_service_loads_nothing_heavy_that_it_does_not_use(service: str) -> None:
    assert loaded(service) == set()


def test_an_exporter_is_loaded_where_there_is_somewhere_to_export_to() -> None:
    exporter = {_EXPORTER, "google.protobuf", "requests"}
    for service in ("support", "billing"):
        assert loaded(service, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") == exporter


def test_error_reports_are_loaded_where_there_is_somewhere_to_send_them() -> None:
    assert loaded("support", EZ_SENTRY_DSN="https://key@errors.example/1") == {"sentry_sdk"}
