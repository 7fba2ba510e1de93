"""What we hand to operators says what the tree says: docker-compose.yml, Dockerfile, and what both topologies share."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.compose.new_env import new_environment
from shared.contracts.timeouts import PAYMENT_PAGE, SERVICE_ANSWER, STRIPE_CALLS
from shared.web.settings import ProcessSettings
from tests.support.manifests import (
    OVERLAYS,
    PROCESSES,
    PROJECT,
    SECRET_NAME,
    SETTINGS,
    compose,
    given_in_compose,
    given_in_k8s,
    literals,
    objects,
    pinned,
    read_by,
)

# Both topologies


@pytest.mark.parametrize("given", [given_in_compose, given_in_k8s])
@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_is_given_what_its_settings_demand_and_nothing_they_do_not_know(process: str, given: Any) -> None:
    known = read_by(SETTINGS[process.rsplit("-", 1)[0]])
    assert {name for name, required in known.items() if required} <= given(process)
    assert given(process) <= known.keys()


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_runs_in_both_topologies_with_the_same_command(process: str) -> None:
    service, _, kind = process.partition("-")
    expected = ["work" if kind == "worker" else "serve", service, "--host", "0.0.0.0", "--port", "8000"]
    assert compose()["services"][process]["command"] == expected
    container = objects("Deployment", "base")[process]["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == expected


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_is_given_more_time_to_end_than_it_gives_its_requests(process: str) -> None:
    drain = ProcessSettings.model_fields["drain_seconds"].default
    assert int(compose()["services"][process]["stop_grace_period"].removesuffix("s")) > drain
    pod = objects("Deployment", "base")[process]["spec"]["template"]["spec"]
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before + drain


def test_the_default_holds_everywhere() -> None:
    given = [given_in_compose(process) | given_in_k8s(process) for process in PROCESSES]
    given += [set(values) for path in OVERLAYS for values in literals(path).values()]
    assert not [names for names in given if "EZ_DRAIN_SECONDS" in names]


def test_each_side_of_the_synchronous_path_waits_longer_than_the_one_behind_it() -> None:
    assert STRIPE_CALLS < PAYMENT_PAGE < SERVICE_ANSWER
    assert ProcessSettings.model_fields["drain_seconds"].default >= SERVICE_ANSWER


# docker-compose.yml


@pytest.mark.parametrize("process", PROCESSES)
def test_a_composed_process_is_confined_and_asked_for_its_health(process: str) -> None:
    service = compose()["services"][process]
    assert "/health/ready" in str(service["healthcheck"]["test"])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_only_the_gateway_and_the_sandboxes_publish_ports_and_only_on_this_machine() -> None:
    for name, service in compose()["services"].items():
        if name == "gateway" or service.get("profiles") == ["sandbox"]:
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        else:
            assert "ports" not in service


def test_compose_takes_every_secret_from_the_environment_and_no_floating_image() -> None:
    for name, service in compose()["services"].items():
        assert pinned(service["image"]), name
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAME.search(variable):
                assert "${" in str(value), f"{name}: {variable}"


def test_every_variable_of_compose_is_explained_or_generated() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    used = set(re.findall(r"\$\{([A-Z_]+)", text))
    explained = set(re.findall(r"^(?:# )?([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert used - explained - new_environment().keys() == set()


def test_two_generated_environments_share_no_secret() -> None:
    first, second = new_environment(), new_environment()
    assert all(first[name] != second[name] for name in first)


# Dockerfile


def test_the_production_image_holds_neither_sandboxes_nor_tests_and_does_not_run_as_root() -> None:
    stages = re.split(r"^(?=FROM )", (PROJECT / "Dockerfile").read_text(), flags=re.MULTILINE)
    shipped = [stage for stage in stages if re.match(r"FROM \S+ AS (runtime|production)\b", stage)]
    assert len(shipped) == 2
    assert shipped[-1] is stages[-1], "the default target is the last stage"
    for stage in shipped:
        assert not re.search(r"^COPY .*\b(sandbox|tests)\b", stage, re.MULTILINE)
    assert "USER 10001:10001" in shipped[0]


def test_the_command_line_starts_from_what_the_production_image_holds(tmp_path: Path) -> None:
    for package in ("ez", "services", "gateway", "shared"):
        (tmp_path / package).symlink_to(PROJECT / package)
    started = subprocess.run(
        [sys.executable, "-m", "ez", "serve", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert started.returncode == 0, started.stderr
