"""docker-compose.yml and deploy/k8s as data, for tests that compare them with the tree."""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic_settings import BaseSettings

from ez.services import NAMES, settings_class
from ez.services import PROCESSES as OWNERS

PROJECT = Path(__file__).resolve().parents[2]
K8S = PROJECT / "deploy" / "k8s"
SERVICES = sorted(NAMES)
SETTINGS: dict[str, type[BaseSettings]] = {name: settings_class(name) for name in OWNERS}
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
