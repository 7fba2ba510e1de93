"""A process carries only what it uses: what weighs megabytes is loaded when it is first needed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ez.embedded.environment import build_environment, ports_from
from ez.embedded.secrets import fresh
from ez.services import NAMES

ROOT = Path(__file__).parents[2]
_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
HEAVY = ("sentry_sdk", _EXPORTER, "google.protobuf", "requests", "zxcvbn", "alembic")
_EXPORTING = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
_REPORTING = {"EZ_SENTRY_DSN": "https://key@errors.example/1"}
CASES: dict[str, tuple[str, dict[str, str]]] = {
    **{service: (service, {}) for service in NAMES},
    "support exporting": ("support", _EXPORTING),
    "billing exporting": ("billing", _EXPORTING),
    "support reporting": ("support", _REPORTING),
}
# Each case is a process of its own, forked from one that has loaded what every service shares and nothing heavy.
_COMPOSED = """
import json, os, sys
import fastapi, pydantic_settings
import shared.database, shared.messaging, shared.web.app, shared.web.client, shared.web.service, shared.web.worker
from ez.processes import observe
from ez.services import compose, settings_of
heavy, cases = json.loads(sys.stdin.read())
for case, (service, environment) in cases.items():
    if os.fork() == 0:
        os.environ.update(environment)
        observe("test", settings_of(service))
        compose(service).app
        print(json.dumps([case, [name for name in heavy if name in sys.modules]]), flush=True)
        os._exit(0)
    if os.wait()[1] != 0:
        sys.exit(f"{case} could not be composed")
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """Which heavy modules a process has loaded once its service is composed, by case."""
    values = build_environment(ports_from(8000), fresh(), "postgresql://postgres:x@127.0.0.1:1/postgres")
    values |= {"EZ_BROKER_URL": "amqp://127.0.0.1:1/", "EZ_ENVIRONMENT": "test"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "EZ_"))}
    done = subprocess.run(
        [sys.executable, "-c", _COMPOSED],
        cwd=ROOT,
        env=kept | values,
        input=json.dumps([HEAVY, CASES]),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return {case: set(names) for case, names in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("service", NAMES)
def test_a_service_loads_nothing_heavy_that_it_does_not_use(loaded: dict[str, set[str]], service: str) -> None:
    assert loaded[service] == set()


def test_an_exporter_is_loaded_where_there_is_somewhere_to_export_to(loaded: dict[str, set[str]]) -> None:
    exporter = {_EXPORTER, "google.protobuf", "requests"}
    assert loaded["support exporting"] == loaded["billing exporting"] == exporter


def test_error_reports_are_loaded_where_there_is_somewhere_to_send_them(loaded: dict[str, set[str]]) -> None:
    assert loaded["support reporting"] == {"sentry_sdk"}
