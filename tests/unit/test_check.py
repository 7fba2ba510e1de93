"""`ez check --deploy` refuses what must not go to production, one finding per offence."""

import base64
import json
import os
import secrets
from unittest import mock

import pytest

from ez.commands.check import check, findings, present
from ez.embedded.environment import build_environment, ports_from
from ez.embedded.secrets import fresh
from ez.services import PROCESSES, settings_class
from sandbox.hypervisor.settings import DEVELOPMENT_TOKEN_SECRET
from services.provisioning.settings import PUBLISHED_TOKEN
from shared.web.findings import Finding
from shared.web.keys import generate_key

SERVICES = ("IDENTITY", "BILLING", "CATALOG", "PROVISIONING", "SUPPORT")
_MADE = fresh()
_STRANGER, _STRANGERS_HALF = generate_key("catalog")


def fit() -> dict[str, str]:
    """An environment with nothing to object to."""
    word = secrets.token_urlsafe(24)
    return {
        "EZ_ENVIRONMENT": "production",
        "EZ_TOKEN_KEYS": _MADE["token_keys"],
        "EZ_BROKER_URL": f"amqps://ez:{word}@broker.internal/",
        "IDENTITY_LINK_SECRET": secrets.token_urlsafe(40),
        "GATEWAY_CSRF_SECRET": secrets.token_urlsafe(40),
        "IDENTITY_SIGNING_KEY": _MADE["key_identity"],
        "GATEWAY_SIGNING_KEY": _MADE["key_gateway"],
        "CATALOG_SIGNING_KEY": _MADE["key_catalog"],
        "SUPPORT_SIGNING_KEY": _MADE["key_support"],
        "BILLING_STRIPE_SECRET_KEY": "sk_live_" + secrets.token_hex(24),
        "BILLING_STRIPE_WEBHOOK_SECRETS": "whsec_" + secrets.token_urlsafe(24),
        "BILLING_STRIPE_LIVEMODE": "true",
        "CATALOG_BILLING_URL": "http://billing-api:8000",
        "GATEWAY_PUBLIC_URL": "https://cloud.acme.net",
        "GATEWAY_ALLOWED_HOSTS": "cloud.acme.net",
        "GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7",
        "IDENTITY_PUBLIC_URL": "https://cloud.acme.net",
        "BILLING_PUBLIC_URL": "https://cloud.acme.net",
        "SUPPORT_PUBLIC_URL": "https://cloud.acme.net",
        "SUPPORT_IDENTITY_URL": "http://identity-api:8000",
        "SUPPORT_MAIL_FROM": "Acme Cloud <support@acme.net>",
        "SUPPORT_SMTP_URL": "smtps://ez:x@mail.acme.net:465",
        "PROVISIONING_PROXMOX_URL": "https://pve.internal:8006",
        "PROVISIONING_PROXMOX_TOKEN": "ez@pve!provisioning=7b0f6c1e-93a4-4d52-8e1c-0a5d7f2b6e39",
        "PROVISIONING_SECRETS_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        **{f"{name}_DATABASE_URL": f"postgresql://ez_{name.lower()}:{word}@db.internal/ez" for name in SERVICES},
        **{f"GATEWAY_{name}_URL": f"http://{name.lower()}-api:8000" for name in SERVICES},
    }


def found_in(env: dict[str, str], *names: str) -> list[Finding]:
    """What is found when this is the whole environment."""
    with mock.patch.dict(os.environ, env, clear=True):
        return findings(names or present())


def own(service: str, env: dict[str, str]) -> dict[str, str]:
    """What a pod of one service is given: its own variables and those of everybody."""
    return {name: value for name, value in env.items() if name.startswith((f"{service.upper()}_", "EZ_", "OTEL_"))}


def role(url: str) -> dict[str, str]:
    return {"BILLING_DATABASE_URL": url}


def keys(*public: dict[str, str] | str) -> str:
    known = json.loads(_MADE["token_keys"])["keys"]
    return json.dumps({"keys": [*known, *(json.loads(one) if isinstance(one, str) else one for one in public)]})


WORD = "v8Qm2xKd7RtLwZp4Hs9B"
# What may not go to production, each with the one variable that is to be named.
OFFENCES: dict[str, tuple[str, dict[str, str]]] = {
    "not production": ("EZ_ENVIRONMENT", {"EZ_ENVIRONMENT": "local"}),
    "debug logging": ("EZ_LOG_LEVEL", {"EZ_LOG_LEVEL": "debug"}),
    "a log level that is none": ("EZ_LOG_LEVEL", {"EZ_LOG_LEVEL": "verbose"}),
    "no seal for one-time passwords": ("PROVISIONING_SECRETS_KEY", {"PROVISIONING_SECRETS_KEY": ""}),
    "time that staff may move": ("BILLING_TEST_CLOCKS", {"BILLING_TEST_CLOCKS": "true"}),
    "a crash on purpose": ("EZ_CRASH_AT", {"EZ_CRASH_AT": "billing.after_commit"}),
    "error reports in the open": ("EZ_SENTRY_DSN", {"EZ_SENTRY_DSN": "http://key@errors.acme.net/1"}),
    "error reports to nobody": ("EZ_SENTRY_DSN", {"EZ_SENTRY_DSN": "errors"}),
    "readable traces": ("OTEL_EXPORTER_OTLP_ENDPOINT", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel.acme.net:4318"}),
    "no key set": ("EZ_TOKEN_KEYS", {"EZ_TOKEN_KEYS": "keys"}),
    "an empty key set": ("EZ_TOKEN_KEYS", {"EZ_TOKEN_KEYS": '{"keys": []}'}),
    "a private key in the public set": ("EZ_TOKEN_KEYS", {"EZ_TOKEN_KEYS": keys(_STRANGER)}),
    "two keys of one name": ("EZ_TOKEN_KEYS", {"EZ_TOKEN_KEYS": keys(_STRANGERS_HALF, _STRANGERS_HALF)}),
    "no signing key": ("CATALOG_SIGNING_KEY", {"CATALOG_SIGNING_KEY": ""}),
    "a signing key that is none": ("CATALOG_SIGNING_KEY", {"CATALOG_SIGNING_KEY": "garbage"}),
    "a public signing key": ("CATALOG_SIGNING_KEY", {"CATALOG_SIGNING_KEY": json.dumps(_STRANGERS_HALF)}),
    "a signing key nobody knows": ("CATALOG_SIGNING_KEY", {"CATALOG_SIGNING_KEY": _STRANGER}),
    "another's signing key": ("SUPPORT_SIGNING_KEY", {"SUPPORT_SIGNING_KEY": _MADE["key_catalog"]}),
    "a gateway's key nobody knows": ("GATEWAY_SIGNING_KEY", {"GATEWAY_SIGNING_KEY": generate_key("gateway")[0]}),
    "a secret of words": ("IDENTITY_LINK_SECRET", {"IDENTITY_LINK_SECRET": "changeme-changeme-changeme-changeme"}),
    "a uniform secret": ("GATEWAY_CSRF_SECRET", {"GATEWAY_CSRF_SECRET": "c" * 40}),
    "a secret that repeats": ("GATEWAY_CSRF_SECRET", {"GATEWAY_CSRF_SECRET": "v8Qm2xKd7R" * 4}),
    "the alphabet": ("GATEWAY_CSRF_SECRET", {"GATEWAY_CSRF_SECRET": "abcdefghijklmnopqrstuvwxyz0123456789"}),
    "no database": ("BILLING_DATABASE_URL", role("")),
    "another database": ("BILLING_DATABASE_URL", role(f"mysql://ez_billing:{WORD}@db.internal/ez")),
    "the word password": ("BILLING_DATABASE_URL", role("postgresql://ez_billing:password@db.internal/ez")),
    "Passw0rd twice": ("BILLING_DATABASE_URL", role("postgresql://ez_billing:Passw0rd-Passw0rd@db.internal/ez")),
    "the role's name": ("BILLING_DATABASE_URL", role("postgresql://ez_billing:B1LL1NG_2026_B1LL1NG@db.internal/ez")),
    "a keyboard row": ("BILLING_DATABASE_URL", role("postgresql://ez_billing:qwertyuiopasdfghjkl@db.internal/ez")),
    "digits": ("BILLING_DATABASE_URL", role("postgresql://ez_billing:12345678901234567890@db.internal/ez")),
    "a superuser": ("BILLING_DATABASE_URL", role(f"postgresql://postgres:{WORD}@db.internal/ez")),
    "no TLS": ("BILLING_DATABASE_URL", role(f"postgresql://ez:{WORD}@db.internal/ez?sslmode=disable")),
    "TLS nobody insists on": ("BILLING_DATABASE_URL", role(f"postgresql://ez_billing:{WORD}@db.acme.net/ez")),
    "an example's database": ("BILLING_DATABASE_URL", role(f"postgresql://ez_billing:{WORD}@db.example.com/ez")),
    "no broker": ("EZ_BROKER_URL", {"EZ_BROKER_URL": ""}),
    "guest": ("EZ_BROKER_URL", {"EZ_BROKER_URL": "amqp://guest:guest@broker/"}),
    "a readable broker": ("EZ_BROKER_URL", {"EZ_BROKER_URL": f"amqp://ez:{WORD}@mq.acme.net/"}),
    "another protocol": ("EZ_BROKER_URL", {"EZ_BROKER_URL": f"https://ez:{WORD}@mq.internal/"}),
    "no webhook secret": ("BILLING_STRIPE_WEBHOOK_SECRETS", {"BILLING_STRIPE_WEBHOOK_SECRETS": ""}),
    "the sandbox's webhook secret": (
        "BILLING_STRIPE_WEBHOOK_SECRETS",
        {"BILLING_STRIPE_WEBHOOK_SECRETS": "whsec_sandbox"},
    ),
    "a uniform webhook secret": (
        "BILLING_STRIPE_WEBHOOK_SECRETS",
        {"BILLING_STRIPE_WEBHOOK_SECRETS": "whsec_" + "y" * 32},
    ),
    "a test key": (
        "BILLING_STRIPE_SECRET_KEY",
        {"BILLING_STRIPE_SECRET_KEY": "sk_test_" + "x" * 24, "BILLING_STRIPE_LIVEMODE": ""},
    ),
    "not Stripe": ("BILLING_STRIPE_API_BASE", {"BILLING_STRIPE_API_BASE": "http://127.0.0.1:8010"}),
    "plain HTTP": ("GATEWAY_PUBLIC_URL", {"GATEWAY_PUBLIC_URL": "http://cloud.acme.net"}),
    "an example's address": ("IDENTITY_PUBLIC_URL", {"IDENTITY_PUBLIC_URL": "https://cloud.example.com"}),
    "any host": ("GATEWAY_ALLOWED_HOSTS", {"GATEWAY_ALLOWED_HOSTS": "*"}),
    "hosts without the public one": ("GATEWAY_ALLOWED_HOSTS", {"GATEWAY_ALLOWED_HOSTS": "www.acme.net"}),
    "everybody is a proxy": ("GATEWAY_TRUSTED_PROXIES", {"GATEWAY_TRUSTED_PROXIES": "*"}),
    "every address is a proxy": ("GATEWAY_TRUSTED_PROXIES", {"GATEWAY_TRUSTED_PROXIES": "0.0.0.0/0"}),
    "a proxy without an address": ("GATEWAY_TRUSTED_PROXIES", {"GATEWAY_TRUSTED_PROXIES": "the proxy"}),
    "everybody's mail": ("GATEWAY_DEV_MAIL_URL", {"GATEWAY_DEV_MAIL_URL": "http://127.0.0.1:8013"}),
    "a checkout of one's own": ("GATEWAY_CHECKOUT_ORIGIN", {"GATEWAY_CHECKOUT_ORIGIN": "http://127.0.0.1:8010"}),
    "a service in the open": ("GATEWAY_CATALOG_URL", {"GATEWAY_CATALOG_URL": "http://catalog.acme.net"}),
    "links over plain HTTP": ("SUPPORT_PUBLIC_URL", {"SUPPORT_PUBLIC_URL": "http://cloud.acme.net"}),
    "a hypervisor of one's own": ("PROVISIONING_PROXMOX_URL", {"PROVISIONING_PROXMOX_URL": "https://127.0.0.1:8011"}),
    "an example's hypervisor": ("PROVISIONING_PROXMOX_URL", {"PROVISIONING_PROXMOX_URL": "https://pve.example.com:8006"}),
    "certificates unchecked": ("PROVISIONING_PROXMOX_VERIFY", {"PROVISIONING_PROXMOX_VERIFY": "false"}),
    "the sandbox's token": (
        "PROVISIONING_PROXMOX_TOKEN",
        {"PROVISIONING_PROXMOX_TOKEN": f"ez@pve!provisioning={PUBLISHED_TOKEN}"},
    ),
    "mail to oneself": ("SUPPORT_SMTP_URL", {"SUPPORT_SMTP_URL": "smtp://127.0.0.1:8012"}),
    "a readable password": ("SUPPORT_SMTP_URL", {"SUPPORT_SMTP_URL": "smtp://ez:x@mail.internal:25"}),
    "readable mails": ("SUPPORT_SMTP_URL", {"SUPPORT_SMTP_URL": "smtp://mail.acme.net:25"}),
    "an example's sender": ("SUPPORT_MAIL_FROM", {"SUPPORT_MAIL_FROM": "Example Cloud <support@example.com>"}),
}  # fmt: skip


@pytest.fixture
def embedded() -> tuple[dict[str, str], dict[str, str]]:
    """The secrets and the environment of `make up`."""
    made = fresh()
    return made, build_environment(ports_from(8000), made, "postgresql://admin:x@127.0.0.1:8020/postgres")


def test_a_good_environment_is_fit(capsys: pytest.CaptureFixture[str]) -> None:
    assert found_in(fit()) == []
    with mock.patch.dict(os.environ, fit(), clear=True):
        assert check(deploy=True, names=present()) == 0
    assert "Fit" in capsys.readouterr().out


@pytest.mark.parametrize("offence", OFFENCES)
def test_each_offence_is_found_and_only_it(offence: str) -> None:
    variable, changes = OFFENCES[offence]
    assert {item.variable for item in found_in(fit() | changes)} == {variable}


@pytest.mark.parametrize("service", PROCESSES)
def test_a_pod_that_has_only_its_own_settings_is_fit(service: str) -> None:
    assert found_in(own(service, fit())) == []
    assert found_in(own(service, fit()), service) == []


@pytest.mark.parametrize("offence", OFFENCES)
def test_a_pod_names_no_other_services_settings(offence: str) -> None:
    variable, changes = OFFENCES[offence]
    for service in PROCESSES:
        named = {item.variable for item in found_in(own(service, fit() | changes))}
        read = {settings_class(service).variable(name) for name in settings_class(service).model_fields}
        assert named == {variable} & read, service


@pytest.mark.parametrize("service", PROCESSES)
def test_whoever_is_named_must_be_there(service: str) -> None:
    assert {item.variable.partition("_")[0] for item in found_in({}, service)} <= {"EZ", service.upper()}
    assert found_in({}, service)


def test_an_environment_without_settings_is_not_fit(capsys: pytest.CaptureFixture[str]) -> None:
    with mock.patch.dict(os.environ, {}, clear=True):
        assert check(deploy=True, names=present()) == 1
    assert "gateway" in capsys.readouterr().out


def test_the_sandboxs_token_is_the_one_that_is_refused() -> None:
    assert PUBLISHED_TOKEN == DEVELOPMENT_TOKEN_SECRET


def test_the_embedded_environment_is_refused_and_no_secret_is_printed(
    embedded: tuple[dict[str, str], dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    made, env = embedded
    with mock.patch.dict(os.environ, env, clear=True):
        assert check(deploy=True, names=present()) == 1
    said = capsys.readouterr().out
    for variable in ("EZ_ENVIRONMENT", "BILLING_STRIPE_SECRET_KEY", "GATEWAY_PUBLIC_URL", "GATEWAY_DEV_MAIL_URL"):
        assert f"{variable}: " in said
    for secret in (*made.values(), json.loads(made["key_identity"])["d"]):
        assert secret not in said


@pytest.mark.parametrize("offence", OFFENCES)
def test_no_value_is_ever_printed(offence: str) -> None:
    _variable, changes = OFFENCES[offence]
    said = " ".join(item.advice for item in found_in(fit() | changes))
    assert not [value for value in changes.values() if len(value) > 8 and value in said]
