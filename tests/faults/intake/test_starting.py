"""Without a webhook secret nothing starts: an empty one anybody could sign with."""

import asyncio
import os
import subprocess
import sys

import pytest

from services.billing.adapters.stripe import SignatureVerifier
from shared.kernel import SystemClock
from tests.faults.intake.processes import environment
from tests.support.database import free_port
from tests.support.launching import ROOT
from tests.unit.test_check import fit

SECRET = "BILLING_STRIPE_WEBHOOK_SECRETS"
# None: the variable does not exist.
UNUSABLE = {"unset": None, "empty": "", "blank": " \t", "half": "whsec_a, "}


async def run(*arguments: str, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """A command of ours, which has to end by itself."""
    command = [sys.executable, "-m", "ez", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def changed(env: dict[str, str], secret: str | None) -> dict[str, str]:
    without = {key: value for key, value in env.items() if key != SECRET}
    return without if secret is None else without | {SECRET: secret}


@pytest.mark.fault(4)
@pytest.mark.bug("GHSA-v6g5-fc72-rxg9")
@pytest.mark.parametrize("command", ["serve", "work"])
async def test_api_and_worker_refuse_to_start_with_an_unset_empty_or_blank_secret(command: str) -> None:
    complete = environment("postgresql://ez_billing:a-database-password@127.0.0.1:9/x")
    outcomes = await asyncio.gather(
        *(
            run(command, "billing", "--port", str(free_port()), env=changed(complete, secret))
            for secret in UNUSABLE.values()
        )
    )
    for kind, outcome in zip(UNUSABLE, outcomes, strict=True):
        said = outcome.stdout + outcome.stderr
        assert outcome.returncode != 0, kind
        assert SECRET in said, kind
        for secret in ("sk_test_nobody", "a-database-password", "whsec_a", complete["BILLING_SIGNING_KEY"]):
            assert secret not in said, kind


@pytest.mark.fault(4)
async def test_the_deployment_check_refuses_an_unset_empty_or_blank_secret() -> None:
    inherited = {key: value for key, value in os.environ.items() if key.startswith(("PATH", "HOME", "LD_"))}
    complete = inherited | fit()
    assert (await run("check", "--deploy", env=complete)).returncode == 0
    outcomes = await asyncio.gather(
        *(run("check", "--deploy", env=changed(complete, secret)) for secret in UNUSABLE.values())
    )
    for kind, outcome in zip(UNUSABLE, outcomes, strict=True):
        assert outcome.returncode == 1, kind
        assert f"{SECRET}: " in outcome.stdout, kind


@pytest.mark.fault(4)
@pytest.mark.bug("GHSA-v6g5-fc72-rxg9")
@pytest.mark.parametrize("secrets", [[], [""], [" "], ["whsec_a", ""], ["whsec_a", "\t"]])
def test_no_verifier_can_be_made_with_an_empty_or_blank_secret(secrets: list[str]) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        SignatureVerifier(secrets, SystemClock())
