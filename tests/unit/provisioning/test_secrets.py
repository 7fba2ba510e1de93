"""Secrets of providers are named and never stored; one-time secrets are sealed."""

import base64
import os
from pathlib import Path

import pytest

from services.provisioning.adapters.connectors import Place, proxmox_settings
from services.provisioning.adapters.sealing import Sealer, Unsealable, read_keys
from services.provisioning.adapters.secret_refs import SecretRefs


def test_a_secret_is_read_from_a_variable_of_ours_or_a_file_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISIONING_PROVIDER_ARE_TWO", "from the environment")
    (tmp_path / "token").write_text("from a file\n")
    refs = SecretRefs({"PROVISIONING_PROXMOX_TOKEN": "from the settings"}, tmp_path)
    assert refs.read("env:PROVISIONING_PROVIDER_ARE_TWO") == "from the environment"
    assert refs.read(f"file:{tmp_path}/token") == "from a file"
    assert refs.read("env:PROVISIONING_PROXMOX_TOKEN") == "from the settings"


@pytest.mark.parametrize(
    "reference",
    ["", "the secret itself", "env:PROVISIONING_DATABASE_URL", "env:PROVISIONING_SECRETS_KEY", "env:HOME", "env:",
     "file:/etc/passwd", "file:{folder}/../outside", "file:relative", "file:{folder}", "http://{folder}/token",
     "env:PROVISIONING_PROVIDER_x", "env:PROVISIONING_PROVIDER_A\nB"],
)  # fmt: skip
def test_a_reference_reaches_nothing_but_secrets_of_providers(tmp_path: Path, reference: str) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "outside").write_text("not yours")
    with pytest.raises(ValueError, match="must be env:"):
        SecretRefs({}, folder).read(reference.format(folder=folder))


def test_a_link_out_of_the_folder_is_no_way_out(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (tmp_path / "outside").write_text("not yours")
    (folder / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ValueError, match="must be env:"):
        SecretRefs({}, folder).read(f"file:{folder}/link")


def test_a_secret_that_is_not_there_is_told_without_telling_it(tmp_path: Path) -> None:
    for reference in ("env:PROVISIONING_PROVIDER_NOWHERE", f"file:{tmp_path}/nowhere"):
        with pytest.raises(LookupError):
            SecretRefs({}, tmp_path).read(reference)


@pytest.mark.parametrize(
    ("secret", "settings"),
    [
        ("no token", {}),
        ("ez@pve!x=secret", {"nodes": "pve1"}),
        ("ez@pve!x=secret", {"templates": {"debian-12": "9000"}}),
        ("ez@pve!x=secret", {"templates": []}),
        ("ez@pve!x=secret", {"ca_file": "/a", "fingerprint": "b"}),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(secret: str, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        proxmox_settings(Place("p", "https://pve.example.net:8006", secret, settings, production=True))


def test_credentials_never_travel_in_the_clear_in_production() -> None:
    place = Place("p", "http://pve.example.net:8006", "ez@pve!x=secret", {}, production=True)
    with pytest.raises(ValueError, match="https"):
        proxmox_settings(place)
    assert "secret" not in repr(place)


def test_what_is_sealed_opens_for_its_owner_and_with_an_older_key() -> None:
    old, new = os.urandom(32), os.urandom(32)
    sealed = Sealer([old]).seal("hunter2", "svc_a")
    assert b"hunter2" not in sealed
    assert sealed != Sealer([old]).seal("hunter2", "svc_a")
    assert Sealer([new, old]).open(sealed, "svc_a") == "hunter2"
    for keys, owner, changed in (([new], "svc_a", sealed), ([old], "svc_b", sealed), ([old], "svc_a", sealed[:-1])):
        with pytest.raises(Unsealable):
            Sealer(keys).open(changed, owner)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(Unsealable, match="PROVISIONING_SECRETS_KEY"):
        Sealer(read_keys("")).seal("hunter2", "svc_a")
    both = ",".join(base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    assert len(read_keys(both)) == 2
