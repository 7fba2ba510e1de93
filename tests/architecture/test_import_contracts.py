"""Each import contract holds, and each is seen red when somebody breaks it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ez", "services", "gateway", "shared", "sandbox")

# contract id → (file, the import that must not be there)
OFFENCES = {
    "services-apart": ("services/billing/domain/offence.py", "import services.identity.domain"),
    "services-below": ("services/billing/api/offence.py", "import gateway.settings"),
    "gateway-only-shared": ("gateway/offence.py", "import services.catalog.domain"),
    "sandbox-apart": ("sandbox/offence.py", "import shared.kernel"),
    "shared-below": ("shared/kernel/offence.py", "import gateway.limits"),
    "shared-stack": ("shared/kernel/offence.py", "import shared.web.problems"),
    "rooms": ("services/catalog/domain/offence.py", "import services.catalog.queries"),
    "pure-domain": ("services/provisioning/domain/offence.py", "import fastapi"),
    "one-stripe": ("services/billing/use_cases/offence.py", "import stripe"),
    "one-httpx": ("services/support/adapters/offence.py", "import httpx"),
}


def _lint(tree: Path, contract: str) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    environment = os.environ | {"PYTHONPATH": str(tree)}
    command = [str(linter), "--config", str(tree / "pyproject.toml"), "--no-cache", "--contract", contract]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree that may be spoiled."""
    tree = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__", "dist", "assets"))
    shutil.copy(ROOT / "pyproject.toml", tree / "pyproject.toml")
    return tree


@pytest.mark.parametrize("contract", OFFENCES)
def test_the_contract_holds_and_turns_red_when_broken(copy: Path, contract: str) -> None:
    before = _lint(copy, contract)
    assert before.returncode == 0, before.stdout + before.stderr
    path, offence = OFFENCES[contract]
    spoiled = copy / path
    spoiled.write_text(f'"""Breaks a contract on purpose."""\n\n{offence}\n')
    try:
        after = _lint(copy, contract)
    finally:
        spoiled.unlink()
    assert after.returncode != 0, f"{contract} did not notice: {offence}"
    assert "BROKEN" in after.stdout


def test_every_contract_is_broken_on_purpose_here() -> None:
    declared = {
        line.split('"')[1] for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("id = ")
    }
    assert declared == set(OFFENCES)
