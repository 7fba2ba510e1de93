"""What we hand to operators says what the tree says: docker-compose.yml, Dockerfile, deploy/k8s."""

import copy
import functools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pydantic_settings import BaseSettings

from deploy.compose.new_env import new_environment
from deploy.k8s.new_secrets import SANDBOX, manifests
from gateway.settings import GatewaySettings
from services.billing.settings import BillingSettings
from services.catalog.settings import CatalogSettings
from services.identity.settings import IdentitySettings
from services.provisioning.settings import ProvisioningSettings
from services.support.settings import SupportSettings
from shared.contracts.patience import PAYMENT_PAGE, SERVICE_ANSWER, STRIPE_CALLS
from shared.web.settings import ProcessSettings

PROJECT = Path(__file__).resolve().parents[2]
K8S = PROJECT / "deploy" / "k8s"
SERVICES = sorted(path.parent.name for path in (PROJECT / "services").glob("*/main.py"))
SETTINGS: dict[str, type[BaseSettings]] = {
    "billing": BillingSettings,
    "catalog": CatalogSettings,
    "gateway": GatewaySettings,
    "identity": IdentitySettings,
    "provisioning": ProvisioningSettings,
    "support": SupportSettings,
}
PROCESSES = [f"{service}-{kind}" for service in SERVICES for kind in ("api", "worker")] + ["gateway"]
OVERLAYS = [K8S / "overlays" / "development", K8S / "overlays" / "production"]
SECRET_NAME = re.compile(
    r"(PASSWORD|PASS|SECRETS?|SECRET_KEY|SIGNING_KEY|TOKEN|API_KEY|DATABASE_URL|BROKER_URL|SMTP_URL)$"
)


@functools.cache
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT / "docker-compose.yml").read_text()))


@functools.cache
def documents() -> tuple[tuple[Path, dict[str, Any]], ...]:
    """Every Kubernetes object in the repository, with its file."""
    return tuple(
        (path, document)
        for path in sorted(K8S.rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    )


def objects(kind: str, below: str = "") -> dict[str, dict[str, Any]]:
    return {
        document["metadata"]["name"]: document
        for path, document in documents()
        if document["kind"] == kind and path.is_relative_to(K8S / below)
    }


def workloads() -> Iterator[tuple[str, dict[str, Any]]]:
    """The pod template of everything that runs."""
    for _path, document in documents():
        if document["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def literals(directory: Path) -> dict[str, dict[str, str]]:
    """The ConfigMaps a kustomization generates."""
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    return {
        generator["name"]: dict(line.split("=", 1) for line in generator["literals"])
        for generator in kustomization["configMapGenerator"]
    }


def unsafe(pod: dict[str, Any]) -> list[str]:
    """What is wrong with a pod: it may not be root, write to its image, gain privileges, or call the API server."""
    problems = []
    context = pod.get("securityContext", {})
    if not context.get("runAsNonRoot") or not context.get("runAsUser"):
        problems.append("may run as root")
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        problems.append("no seccomp profile")
    if pod.get("automountServiceAccountToken") is not False:
        problems.append("has a token for the API server")
    for container in pod["containers"]:
        own = container.get("securityContext", {})
        if own.get("allowPrivilegeEscalation") is not False or own.get("readOnlyRootFilesystem") is not True:
            problems.append("may gain privileges or write to its image")
        if own.get("capabilities") != {"drop": ["ALL"]}:
            problems.append("keeps capabilities")
        if not pinned(container["image"]):
            problems.append(f"floating image {container['image']}")
        if not {"cpu", "memory"} <= container["resources"]["requests"].keys():
            problems.append("requests no resources")
        if "memory" not in container["resources"]["limits"]:
            problems.append("has no memory limit")
    return problems


def pinned(image: str) -> bool:
    _, colon, tag = image.rpartition(":")
    return bool(colon) and tag != "latest"


def plain_secrets(container: dict[str, Any]) -> list[str]:
    """Variables that hold a secret but do not refer to one."""
    return [
        variable["name"]
        for variable in container.get("env", [])
        if SECRET_NAME.search(variable["name"]) and "secretKeyRef" not in variable.get("valueFrom", {})
    ]


def read_by(settings: type[BaseSettings]) -> dict[str, bool]:
    """Each variable the settings read, and whether they cannot do without it."""
    prefix = str(settings.model_config["env_prefix"])
    return {
        str(field.validation_alias or f"{prefix}{name}".upper()): field.is_required()
        for name, field in settings.model_fields.items()
    }


def given_in_compose(process: str) -> set[str]:
    return set(compose()["services"][process]["environment"])


def given_in_k8s(process: str) -> set[str]:
    maps = literals(K8S / "base") | {"ez-token-keys": {"EZ_TOKEN_KEYS": ""}}
    container = objects("Deployment", "base")[process]["spec"]["template"]["spec"]["containers"][0]
    given = {variable["name"] for variable in container["env"]}
    for source in container["envFrom"]:
        given |= maps[source["configMapRef"]["name"]].keys()
    return given


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


# Kubernetes


def test_every_object_is_valid_to_the_letter() -> None:
    for _path, document in documents():
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("directory", [K8S / "base", *OVERLAYS], ids=lambda path: path.name)
def test_a_kustomization_lists_every_file_beside_it(directory: Path) -> None:
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    beside = {path.name for path in directory.glob("*.yaml")} - {"kustomization.yaml"}
    assert {name for name in kustomization["resources"] if "/" not in name} == beside
    assert all((directory / name).exists() for name in kustomization["resources"])


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_an_overlay_sets_only_what_settings_read(overlay: Path) -> None:
    for name, values in literals(overlay).items():
        readers = SETTINGS.values() if name == "ez-config" else [SETTINGS[name.removesuffix("-config")]]
        assert all(values.keys() <= read_by(settings).keys() for settings in readers), name


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl builds the overlays")
@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_a_built_overlay_is_valid_to_the_letter(overlay: Path) -> None:
    built = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=True).stdout
    for document in yaml.safe_load_all(built):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
        assert document["kind"] != "Secret"


@pytest.mark.parametrize(("name", "pod"), list(workloads()), ids=[name for name, _ in workloads()])
def test_a_pod_is_confined(name: str, pod: dict[str, Any]) -> None:
    assert unsafe(pod) == []


@pytest.mark.parametrize(
    "breakage",
    [
        lambda pod: pod["securityContext"].update(runAsNonRoot=False),
        lambda pod: pod["securityContext"].pop("seccompProfile"),
        lambda pod: pod.pop("automountServiceAccountToken"),
        lambda pod: pod["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
        lambda pod: pod["containers"][0]["securityContext"].update(allowPrivilegeEscalation=True),
        lambda pod: pod["containers"][0]["securityContext"].pop("capabilities"),
        lambda pod: pod["containers"][0].update(image="ez-solutions:latest"),
        lambda pod: pod["containers"][0].update(image="ez-solutions"),
        lambda pod: pod["containers"][0]["resources"]["limits"].pop("memory"),
    ],
)
def test_a_pod_that_is_not_confined_is_noticed(breakage: Any) -> None:
    pod = copy.deepcopy(dict(workloads())["billing-api"])
    breakage(pod)
    assert len(unsafe(pod)) == 1


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_is_probed_spread_and_protected_from_evictions(process: str) -> None:
    deployment = objects("Deployment", "base")[process]
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert "startupProbe" in container
    assert pod["topologySpreadConstraints"]
    assert pod["terminationGracePeriodSeconds"] >= 30
    budget = objects("PodDisruptionBudget", "base")[process]
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]
    if not process.endswith("-worker"):
        assert objects("HorizontalPodAutoscaler", "base")[process]["spec"]["minReplicas"] >= 2
        selector = objects("Service", "base")[process]["spec"]["selector"]
        assert selector == deployment["spec"]["selector"]["matchLabels"]


def test_service_accounts_have_no_token_for_the_api_server() -> None:
    accounts = objects("ServiceAccount")
    assert accounts.keys() == {*SERVICES, "gateway", "migrate"}
    assert all(account["automountServiceAccountToken"] is False for account in accounts.values())


def test_no_secret_is_written_down() -> None:
    assert objects("Secret") == {}
    for name, pod in workloads():
        for container in pod["containers"]:
            assert plain_secrets(container) == [], name
    for directory in (K8S / "base", *OVERLAYS):
        for name, values in literals(directory).items():
            assert [key for key in values if SECRET_NAME.search(key)] == [], name


def test_a_secret_that_is_written_down_is_noticed() -> None:
    container = copy.deepcopy(dict(workloads())["billing-api"]["containers"][0])
    container["env"].append({"name": "BILLING_STRIPE_SECRET_KEY", "value": "sk_live_1"})
    assert plain_secrets(container) == ["BILLING_STRIPE_SECRET_KEY"]


def test_every_secret_referred_to_is_one_that_new_secrets_makes() -> None:
    made = {
        (item["metadata"]["name"], key)  # type: ignore[index]
        for item in manifests(SANDBOX, database="postgres:5432/ez", broker="rabbitmq:5672")
        for key in item.get("stringData", {})  # type: ignore[attr-defined]
    }
    referred = {
        (reference["name"], reference["key"])
        for _, pod in workloads()
        for container in pod["containers"]
        for variable in container.get("env", [])
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert referred == made


def test_a_service_reads_its_own_secrets_and_the_brokers_only() -> None:
    for process in PROCESSES:
        service = process.rsplit("-", 1)[0]
        container = objects("Deployment", "base")[process]["spec"]["template"]["spec"]["containers"][0]
        names = {variable["valueFrom"]["secretKeyRef"]["name"] for variable in container["env"]}
        assert names <= {f"ez-{service}", "ez-broker"}


def test_the_network_denies_by_default_and_lets_in_only_through_the_gateway() -> None:
    policies = {name: policy["spec"] for name, policy in objects("NetworkPolicy", "base").items()}
    denied = policies["default-deny"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    from_outside = {
        name
        for name, policy in policies.items()
        for rule in policy.get("ingress", [])
        for source in rule["from"]
        if "ez.solutions/ingress" in source.get("namespaceSelector", {}).get("matchLabels", {})
    }
    assert from_outside == {"gateway"}
    assert all("from" in rule for policy in policies.values() for rule in policy.get("ingress", []))
    assert all("to" in rule for policy in policies.values() for rule in policy.get("egress", []))


def test_only_billing_provisioning_and_mail_may_speak_to_the_internet() -> None:
    open_to_all = {
        str(sorted(policy["spec"]["podSelector"]["matchLabels"].values()))
        for policy in objects("NetworkPolicy", "base").values()
        for rule in policy["spec"].get("egress", [])
        for target in rule["to"]
        if target.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    }
    assert open_to_all == {"['billing']", "['provisioning']", "['support-worker']"}
