"""deploy/k8s is valid to the letter, confined, and says what the tree says."""

import copy
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.k8s.new_secrets import SANDBOX, manifests
from tests.support.manifests import (
    K8S,
    OVERLAYS,
    PROCESSES,
    SECRET_NAME,
    SERVICES,
    SETTINGS,
    documents,
    literals,
    objects,
    plain_secrets,
    read_by,
    unsafe,
    workloads,
)


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


@pytest.mark.needs("kubectl")
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


def test_a_changed_setting_gets_a_new_name_and_so_rolls_the_pods_that_read_it() -> None:
    generated = literals(K8S / "base").keys()
    for process in PROCESSES:
        container = objects("Deployment", "base")[process]["spec"]["template"]["spec"]["containers"][0]
        read = {source["configMapRef"]["name"] for source in container["envFrom"]}
        assert read - generated == {"ez-token-keys"}, process  # made per installation; the procedure restarts the pods


def test_production_runs_an_image_by_its_digest_and_names_no_ingress_controller() -> None:
    kustomization = yaml.safe_load((K8S / "overlays" / "production" / "kustomization.yaml").read_text())
    (image,) = kustomization["images"]
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", image["digest"])
    assert "newTag" not in image
    for ingress in objects("Ingress").values():
        assert "ingressClassName" not in ingress["spec"]
        assert not [name for name in ingress["metadata"].get("annotations", {}) if "nginx" in name]


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
