"""Print the Secrets an installation needs, freshly generated, for ``kubectl apply -f -``.

Run it once per installation: a second run makes other passwords. What others give you is read from the environment
(BILLING_STRIPE_SECRET_KEY, BILLING_STRIPE_WEBHOOK_SECRETS, PROVISIONING_PROXMOX_TOKEN, SUPPORT_SMTP_URL); with
``--sandbox`` the development overlay's values are used instead.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping

from deploy.compose.new_env import WITH_DATABASE, new_environment

SANDBOX = {
    "BILLING_STRIPE_SECRET_KEY": "sk_test_sandbox",
    "BILLING_STRIPE_WEBHOOK_SECRETS": "whsec_sandbox",
    "PROVISIONING_PROXMOX_TOKEN": "ez@pve!provisioning=2f0c8f4e-6a55-4c1b-9f0e-5b1d3c7a9e10",
    "SUPPORT_SMTP_URL": "smtp://mail:8012",
}


def manifests(given: Mapping[str, str], *, database: str, broker: str) -> list[dict[str, object]]:
    """The Secrets and the ConfigMap of public keys.

    given: values of the four variables named above. database: ``host:port/name``. broker: ``host:port``.
    Raises KeyError naming a variable that is missing.
    """
    fresh = new_environment()
    secrets: dict[str, dict[str, str]] = {
        "ez-database-admin": {
            "url": f"postgresql://postgres:{fresh['POSTGRES_PASSWORD']}@{database}",
            "password": fresh["POSTGRES_PASSWORD"],
        },
        "ez-broker": {
            "url": f"amqp://ez:{fresh['RABBITMQ_PASSWORD']}@{broker}/",
            "password": fresh["RABBITMQ_PASSWORD"],
        },
        "ez-gateway": {"signing-key": fresh["GATEWAY_SIGNING_KEY"], "csrf-secret": fresh["GATEWAY_CSRF_SECRET"]},
    }
    for service in WITH_DATABASE:
        password = fresh[f"{service.upper()}_DATABASE_PASSWORD"]
        secrets[f"ez-{service}"] = {"database-url": f"postgresql://ez_{service}:{password}@{database}"}
        if f"{service.upper()}_SIGNING_KEY" in fresh:
            secrets[f"ez-{service}"]["signing-key"] = fresh[f"{service.upper()}_SIGNING_KEY"]
    secrets["ez-identity"]["link-secret"] = fresh["IDENTITY_LINK_SECRET"]
    secrets["ez-billing"]["stripe-secret-key"] = given["BILLING_STRIPE_SECRET_KEY"]
    secrets["ez-billing"]["stripe-webhook-secrets"] = given["BILLING_STRIPE_WEBHOOK_SECRETS"]
    secrets["ez-provisioning"]["proxmox-token"] = given["PROVISIONING_PROXMOX_TOKEN"]
    secrets["ez-provisioning"]["secrets-key"] = fresh["PROVISIONING_SECRETS_KEY"]
    secrets["ez-support"]["smtp-url"] = given["SUPPORT_SMTP_URL"]
    return [
        *({**_object("Secret", name), "type": "Opaque", "stringData": values} for name, values in secrets.items()),
        {**_object("ConfigMap", "ez-token-keys"), "data": {"EZ_TOKEN_KEYS": fresh["EZ_TOKEN_KEYS"]}},
    ]


def _object(kind: str, name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def main() -> int:
    """Print one JSON list, which kubectl reads like YAML."""
    parser = argparse.ArgumentParser(prog="python -m deploy.k8s.new_secrets", description=__doc__)
    parser.add_argument("--database", default="postgres:5432/ez", help="host:port/name of PostgreSQL")
    parser.add_argument("--broker", default="rabbitmq:5672", help="host:port of RabbitMQ")
    parser.add_argument("--sandbox", action="store_true", help="use the development overlay's sandboxes")
    arguments = parser.parse_args()
    given = SANDBOX if arguments.sandbox else os.environ
    try:
        items = manifests(given, database=arguments.database, broker=arguments.broker)
    except KeyError as missing:
        sys.stderr.write(f"Set {missing.args[0]} in the environment, or use --sandbox.\n")
        return 2
    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, sys.stdout, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
