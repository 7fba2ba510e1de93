"""A setting costs two places: its class, and the deployment that sets it where no default fits. The rest is derived."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field

from ez.embedded.environment import build_environment, ports_from
from ez.embedded.secrets import fresh
from ez.services import NAMES, PROCESSES, settings_class
from ez.settings_pages import compose_form, settings, settings_reference
from services.support.settings import SupportSettings
from tests.support.manifests import given_in_compose, given_in_k8s, read_by

ROOT = Path(__file__).parents[2]
EVERY_PROCESS = [f"{name}-{kind}" for name in NAMES for kind in ("api", "worker")] + ["gateway"]
_VARIABLE = re.compile(r"^\| `([A-Z_<>]+)` \|", re.MULTILINE)


def declared() -> set[str]:
    """Every variable of every class; those all services have are written <SERVICE>_…"""
    return {setting.variable for setting in settings()}


def test_every_setting_of_every_class_is_in_the_generated_reference_with_a_meaning() -> None:
    page = (ROOT / "docs/generated/settings.md").read_text()
    assert set(_VARIABLE.findall(page)) == declared()
    assert [setting.variable for setting in settings() if not setting.field.description] == []


@pytest.mark.parametrize("name", PROCESSES)
def test_the_reference_knows_every_setting_a_process_reads(name: str) -> None:
    read = {variable.replace(f"{name.upper()}_", "<SERVICE>_", 1) for variable in read_by(settings_class(name))}
    assert {variable for variable in read_by(settings_class(name)) if variable not in declared()} <= {
        variable.replace("<SERVICE>", name.upper()) for variable in read & declared()
    }


def test_the_form_for_compose_asks_for_what_compose_demands() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    form = (ROOT / ".env.example").read_text()
    demanded = set(re.findall(r"\$\{([A-Z0-9_]+):\?", compose))
    generated = set(re.findall(r"[A-Z][A-Z0-9_]+", form.rpartition("# Appended by")[2]))
    assert demanded <= set(re.findall(r"^([A-Z0-9_]+)=", form, re.MULTILINE)) | generated


@pytest.mark.parametrize("given", [given_in_compose, given_in_k8s])
@pytest.mark.parametrize("process", EVERY_PROCESS)
def test_a_deployment_names_only_settings_that_exist_and_sets_all_that_have_no_default(
    process: str, given: Any
) -> None:
    known = read_by(settings_class(process.rsplit("-", 1)[0]))
    assert given(process) <= known.keys()
    assert {variable for variable, required in known.items() if required} <= given(process)


def test_the_embedded_deployment_names_only_settings_that_exist_and_sets_all_that_have_no_default() -> None:
    known = {variable: required for name in PROCESSES for variable, required in read_by(settings_class(name)).items()}
    set_here = build_environment(ports_from(8000), fresh(), "postgresql://admin:x@127.0.0.1:8020/postgres").keys()
    assert set_here <= known.keys()
    assert {variable for variable, required in known.items() if required} <= set_here


def test_compose_repeats_no_default() -> None:
    defaults = {setting.variable: setting.field.default for setting in settings()}
    for name, service in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            assert value is None or str(value) != str(defaults.get(variable, "")), f"{name}: {variable}"


def test_a_new_setting_reaches_the_reference_and_the_form_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place more than its class only where somebody has to set it."""

    class WithOneMore(SupportSettings):
        mail_archive: str = Field(description="where a copy of every mail goes", examples=["archive@example.com"])

    monkeypatch.setattr("services.support.settings.SupportSettings", WithOneMore)
    assert "| `SUPPORT_MAIL_ARCHIVE` | **required** | where a copy of every mail goes |" in settings_reference("")
    compose = "      SUPPORT_MAIL_ARCHIVE: ${SUPPORT_MAIL_ARCHIVE:?}\n"
    assert "# Where a copy of every mail goes.\nSUPPORT_MAIL_ARCHIVE=archive@example.com\n" in compose_form(compose, ())
