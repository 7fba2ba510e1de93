"""`ez check --deploy` refuses what must not go to production, one finding per offence."""

import json
import secrets

import pytest

from ez.commands.check import check, findings
from ez.embedded.environment import build_environment, ports_from
from ez.embedded.secrets import fresh

SERVICES = ("IDENTITY", "BILLING", "CATALOG", "PROVISIONING", "SUPPORT")


def fit() -> dict[str, str]:
    """An environment with nothing to object to."""
    made = fresh()
    word = secrets.token_urlsafe(24)
    return {
        "EZ_ENVIRONMENT": "production",
        "EZ_TOKEN_KEYS": made["token_keys"],
        "EZ_BROKER_URL": f"amqps://ez:{word}@broker.internal/",
        "IDENTITY_LINK_SECRET": secrets.token_urlsafe(40),
        "GATEWAY_CSRF_SECRET": secrets.token_urlsafe(40),
        "IDENTITY_SIGNING_KEY": made["key_identity"],
        "GATEWAY_SIGNING_KEY": made["key_gateway"],
        "CATALOG_SIGNING_KEY": made["key_catalog"],
        "SUPPORT_SIGNING_KEY": made["key_support"],
        "BILLING_STRIPE_SECRET_KEY": "sk_live_" + "x" * 24,
        "BILLING_STRIPE_WEBHOOK_SECRETS": "whsec_" + "y" * 32,
        "BILLING_STRIPE_LIVEMODE": "true",
        "GATEWAY_PUBLIC_URL": "https://cloud.acme.net",
        "GATEWAY_ALLOWED_HOSTS": "cloud.acme.net",
        "IDENTITY_PUBLIC_URL": "https://cloud.acme.net",
        "BILLING_PUBLIC_URL": "https://cloud.acme.net",
        "SUPPORT_PUBLIC_URL": "https://cloud.acme.net",
        "PROVISIONING_PROXMOX_URL": "https://pve.internal:8006",
        "SUPPORT_SMTP_URL": "smtps://ez:x@mail.internal:465",
        **{f"{name}_DATABASE_URL": f"postgresql://ez:{secrets.token_urlsafe(24)}@db/ez" for name in SERVICES},
    }


def test_a_good_environment_is_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(fit()) == []
    assert check(deploy=True, env=fit()) == 0
    assert "Fit" in capsys.readouterr().out


OFFENCES = {
    "EZ001": {"EZ_ENVIRONMENT": "local"},
    "EZ002": {"EZ_LOG_LEVEL": "debug"},
    "EZ003": {"EZ_CRASH_AT": "billing.after_commit"},
    "EZ010": {"IDENTITY_LINK_SECRET": "changeme-changeme-changeme-changeme-1"},
    "EZ011": {"CATALOG_SIGNING_KEY": ""},
    "EZ012": {"BILLING_DATABASE_URL": "postgresql://ez:password@db/ez"},
    "EZ013": {"EZ_BROKER_URL": ""},
    "EZ014": {"EZ_BROKER_URL": "amqp://guest:guest@broker/"},
    "EZ020": {"BILLING_STRIPE_WEBHOOK_SECRETS": ""},
    "EZ021": {"BILLING_STRIPE_SECRET_KEY": "sk_test_" + "x" * 24},
    "EZ024": {"BILLING_TEST_CLOCKS": "true"},
    "EZ022": {"BILLING_STRIPE_API_BASE": "http://127.0.0.1:8010"},
    "EZ023": {"BILLING_STRIPE_LIVEMODE": "false"},
    "EZ030": {"GATEWAY_PUBLIC_URL": "http://cloud.acme.net"},
    "EZ031": {"GATEWAY_ALLOWED_HOSTS": "*"},
    "EZ032": {"GATEWAY_DEV_MAIL_URL": "http://127.0.0.1:8013"},
    "EZ033": {"GATEWAY_CHECKOUT_ORIGIN": "http://127.0.0.1:8010"},
    "EZ034": {"IDENTITY_PUBLIC_URL": "http://cloud.acme.net"},
    "EZ040": {"PROVISIONING_PROXMOX_URL": "http://127.0.0.1:8011"},
    "EZ041": {"PROVISIONING_PROXMOX_VERIFY": "false"},
    "EZ042": {"SUPPORT_SMTP_URL": "smtp://127.0.0.1:8012"},
}


@pytest.mark.parametrize("code", OFFENCES)
def test_each_offence_is_found_and_only_it(code: str) -> None:
    assert {item.code for item in findings(fit() | OFFENCES[code])} == {code}


def test_the_embedded_environment_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    made = fresh()
    env = build_environment(ports_from(8000), made, "postgresql://admin:x@127.0.0.1:8020/postgres")
    assert check(deploy=True, env=env) == 1
    said = capsys.readouterr().out
    assert {"EZ001", "EZ021", "EZ022", "EZ030", "EZ032"} <= set(said.split())
    for secret in (*made.values(), json.loads(made["key_identity"])["d"]):
        assert secret not in said
