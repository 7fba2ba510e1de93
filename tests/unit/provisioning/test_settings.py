"""Settings fail loudly at start and keep their secrets."""

import base64
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.provisioning.settings import ProvisioningSettings
from tests.support.callers import TOKEN_KEYS

SECRET = "2f0c8f4e-0000-4c1b-9f0e-5b1d3c7a9e10"
GOOD: dict[str, Any] = {
    "token_keys": TOKEN_KEYS,
    "database_url": "postgresql://ez:x@127.0.0.1/ez",
    "proxmox_url": "https://pve.example.net:8006",
    "proxmox_token": f"ez@pve!provisioning={SECRET}",
}


def settings(**changes: Any) -> ProvisioningSettings:
    return ProvisioningSettings(_env_file=None, **{**GOOD, **changes})


def test_the_connector_gets_what_was_set() -> None:
    found = settings(proxmox_node="pve7", templates={"debian-12": 7}).proxmox()
    assert (found.url, found.node, found.templates) == (GOOD["proxmox_url"], "pve7", {"debian-12": 7})
    assert (found.ca_file, found.fingerprint) == (None, None)


def test_the_templates_come_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISIONING_TEMPLATES", '{"debian-12": 9100}')
    assert settings().templates == {"debian-12": 9100}


def test_by_default_there_are_four_systems() -> None:
    assert settings().templates == {"debian-12": 9000, "ubuntu-24-04": 9001, "almalinux-9": 9002, "debian-13": 9003}


def test_secrets_do_not_show() -> None:
    found = settings()
    assert SECRET not in repr(found) + repr(found.proxmox())


@pytest.mark.parametrize("missing", ["proxmox_url", "proxmox_token"])
def test_half_a_provider_is_refused(missing: str) -> None:
    with pytest.raises(ValidationError, match="belong together"):
        ProvisioningSettings(_env_file=None, **{name: value for name, value in GOOD.items() if name != missing})


def test_an_installation_may_begin_without_a_provider() -> None:
    alone = {name: value for name, value in GOOD.items() if not name.startswith("proxmox")}
    assert ProvisioningSettings(_env_file=None, **alone).first_provider() is None


def test_the_first_provider_names_its_secret_and_does_not_hold_it() -> None:
    first = settings().first_provider()
    assert first is not None
    assert (first.kind, first.endpoint, first.secret_ref) == (
        "proxmox", GOOD["proxmox_url"], "env:PROVISIONING_PROXMOX_TOKEN"
    )  # fmt: skip
    assert SECRET not in repr(first)
    assert settings().secret_refs().read(first.secret_ref) == GOOD["proxmox_token"]


@pytest.mark.parametrize("key", ["short", "!!!!", base64.b64encode(b"16 bytes of key!").decode()])
def test_a_key_that_seals_nothing_is_refused_at_start(key: str) -> None:
    with pytest.raises(ValidationError, match="32 random bytes"):
        settings(secrets_key=key)


@pytest.mark.parametrize("token", ["secret", "ez@pve=secret", "ez!x=secret", "ez@pve!x", "ez@pve!x="])
def test_a_token_without_all_of_its_parts_is_refused(token: str) -> None:
    with pytest.raises(ValidationError, match="user@realm!name=secret"):
        settings(proxmox_token=token)


@pytest.mark.parametrize("verify", ["false", "", "0", "/no/such/file.pem"])
def test_certificates_are_always_checked(verify: str) -> None:
    with pytest.raises(ValidationError, match="PEM file"):
        settings(proxmox_verify=verify)


def test_authorities_may_come_from_a_file(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("")
    assert settings(proxmox_verify=str(authorities)).proxmox().ca_file == str(authorities)


def test_an_empty_fingerprint_is_none() -> None:
    assert settings(proxmox_fingerprint="").proxmox().fingerprint is None


@pytest.mark.parametrize("url", ["http://pve.example.net:8006", "ftp://pve", "pve.example.net"])
def test_credentials_never_travel_in_the_clear(url: str) -> None:
    with pytest.raises(ValueError, match="url must be"):
        settings(proxmox_url=url).proxmox()
