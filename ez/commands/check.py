"""`ez check --deploy`: what must not go to production, found before it does; in the spirit of Django's checks."""

import argparse
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ez.services import NAMES

Environment = Mapping[str, str]
_DEFAULTS = re.compile(r"change.?me|secret|password|default|example|test|sandbox|guest|admin", re.IGNORECASE)
_SECRETS = ("IDENTITY_LINK_SECRET", "GATEWAY_CSRF_SECRET")
_SIGNING = ("IDENTITY_SIGNING_KEY", "GATEWAY_SIGNING_KEY", "CATALOG_SIGNING_KEY", "SUPPORT_SIGNING_KEY")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not fit for production, and what to do about it."""

    code: str
    variable: str
    advice: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--deploy", action="store_true", help="any finding is an error")


def run(chosen: argparse.Namespace) -> int:
    """Checks this process's environment."""
    return check(deploy=chosen.deploy)


Check = Callable[[Environment], Iterator[Finding]]


def debug_is_off(env: Environment) -> Iterator[Finding]:
    """The environment is production, and nothing made for tests is switched on."""
    if env.get("EZ_ENVIRONMENT", "production") != "production":
        yield Finding("EZ001", "EZ_ENVIRONMENT", "set it to production")
    if env.get("EZ_LOG_LEVEL", "INFO").upper() == "DEBUG":
        yield Finding("EZ002", "EZ_LOG_LEVEL", "debug logging may show personal data; use INFO")
    if env.get("EZ_CRASH_AT"):
        yield Finding("EZ003", "EZ_CRASH_AT", "unset it: it kills processes on purpose")


def secrets_are_strong(env: Environment) -> Iterator[Finding]:
    """Every secret is set, long and not a word from an example."""
    for name in _SECRETS:
        value = env.get(name, "")
        if len(value) < 32 or len(set(value)) < 10 or _DEFAULTS.match(value):
            yield Finding("EZ010", name, "set at least 32 random characters, e.g. from `openssl rand -base64 48`")
    for name in (*_SIGNING, "EZ_TOKEN_KEYS"):
        if not env.get(name):
            yield Finding("EZ011", name, "set the JWK made for this deployment")
    for service in NAMES:
        name = f"{service.upper()}_DATABASE_URL"
        password = unquote(urlsplit(env.get(name, "")).password or "")
        if len(password) < 16 or _DEFAULTS.match(password):
            yield Finding("EZ012", name, "use a random password of at least 16 characters")
    broker = urlsplit(env.get("EZ_BROKER_URL", ""))
    if not broker.hostname:
        yield Finding("EZ013", "EZ_BROKER_URL", "say where RabbitMQ is: amqps://user:password@host/")
    elif len(unquote(broker.password or "")) < 16 or broker.username == "guest":
        yield Finding("EZ014", "EZ_BROKER_URL", "use a user of its own and a random password, not guest")


def stripe_is_real(env: Environment) -> Iterator[Finding]:
    """The webhook secret exists, and neither key nor address belongs to a sandbox."""
    secrets = [part.strip() for part in env.get("BILLING_STRIPE_WEBHOOK_SECRETS", "").split(",")]
    if not all(part.startswith("whsec_") and len(part) > 20 for part in secrets):
        yield Finding("EZ020", "BILLING_STRIPE_WEBHOOK_SECRETS", "set the endpoint's whsec_… secret")
    if not env.get("BILLING_STRIPE_SECRET_KEY", "").startswith(("sk_live_", "rk_live_")):
        yield Finding("EZ021", "BILLING_STRIPE_SECRET_KEY", "use a live key; test keys take no money")
    if env.get("BILLING_STRIPE_API_BASE", "https://api.stripe.com").rstrip("/") != "https://api.stripe.com":
        yield Finding("EZ022", "BILLING_STRIPE_API_BASE", "unset it: this is not Stripe")
    if env.get("BILLING_STRIPE_LIVEMODE", "true").lower() not in ("true", "1"):
        yield Finding("EZ023", "BILLING_STRIPE_LIVEMODE", "set it to true, or live events are refused")
    if env.get("BILLING_TEST_CLOCKS", "false").lower() not in ("false", "0", "no", "off"):
        yield Finding("EZ024", "BILLING_TEST_CLOCKS", "unset it: it lets staff move the time customers are billed by")


def edge_is_closed(env: Environment) -> Iterator[Finding]:
    """Visitors come over TLS (which turns HSTS and secure cookies on), to known hosts, and see no sandbox."""
    public = urlsplit(env.get("GATEWAY_PUBLIC_URL", ""))
    if public.scheme != "https" or public.hostname in _LOOPBACK:
        yield Finding("EZ030", "GATEWAY_PUBLIC_URL", "use the https:// address visitors see; it turns on HSTS")
    hosts = [host.strip() for host in env.get("GATEWAY_ALLOWED_HOSTS", "").split(",")]
    if not all(hosts) or any("*" in host or host in _LOOPBACK for host in hosts):
        yield Finding("EZ031", "GATEWAY_ALLOWED_HOSTS", "name the exact hosts; no wildcard, no loopback")
    if env.get("GATEWAY_DEV_MAIL_URL"):
        yield Finding("EZ032", "GATEWAY_DEV_MAIL_URL", "unset it: it shows everybody's mail")
    checkout = env.get("GATEWAY_CHECKOUT_ORIGIN", "https://checkout.stripe.com").rstrip("/")
    if urlsplit(checkout).scheme != "https" or "*" in checkout:
        yield Finding("EZ033", "GATEWAY_CHECKOUT_ORIGIN", "unset it, or name your own https:// checkout domain")
    for service in ("IDENTITY", "BILLING", "SUPPORT"):
        name = f"{service}_PUBLIC_URL"
        if urlsplit(env.get(name, "")).scheme != "https":
            yield Finding("EZ034", name, "use the https:// address visitors see")


def providers_are_real(env: Environment) -> Iterator[Finding]:
    """The hypervisor and the mail server are reached over TLS and are no stand-ins."""
    hypervisor = urlsplit(env.get("PROVISIONING_PROXMOX_URL", ""))
    if hypervisor.scheme != "https" or hypervisor.hostname in _LOOPBACK:
        yield Finding("EZ040", "PROVISIONING_PROXMOX_URL", "use the https:// address of Proxmox VE")
    if env.get("PROVISIONING_PROXMOX_VERIFY", "true").lower() in ("false", "0", "no"):
        yield Finding("EZ041", "PROVISIONING_PROXMOX_VERIFY", "name the CA file instead of switching the check off")
    mail = urlsplit(env.get("SUPPORT_SMTP_URL", ""))
    if not mail.hostname or mail.hostname in _LOOPBACK:
        yield Finding("EZ042", "SUPPORT_SMTP_URL", "name your mail server: smtps://user:password@host:465")


CHECKS: tuple[Check, ...] = (debug_is_off, secrets_are_strong, stripe_is_real, edge_is_closed, providers_are_real)


def findings(env: Environment) -> list[Finding]:
    """Everything in this environment that is not fit for production."""
    return [found for check_one in CHECKS for found in check_one(env)]


def check(*, deploy: bool, env: Environment | None = None) -> int:
    """Prints the findings; with `deploy` any of them is an error (exit code 1)."""
    found = findings(os.environ if env is None else env)
    for item in found:
        print(f"{item.code}  {item.variable}: {item.advice}")
    if not found:
        print("Fit for production.")
        return 0
    print(f"\n{len(found)} finding{'s' if len(found) != 1 else ''}. Values are never printed.")
    return 1 if deploy else 0
