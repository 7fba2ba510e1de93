"""Print fresh passwords and signing keys for docker-compose.yml: ``python -m deploy.compose.new_env >> .env``.

Where only Docker is installed, the image has what it needs::

    docker build -t ez-solutions . && docker run --rm -v "$PWD/deploy:/app/deploy:ro" --entrypoint python \\
        ez-solutions -m deploy.compose.new_env >> .env
"""

import base64
import json
import secrets
import sys

from ez.embedded.secrets import ISSUERS
from shared.web.keys import generate_key

WITH_DATABASE = ("identity", "billing", "catalog", "provisioning", "support")
_WORDS = ("POSTGRES_PASSWORD", "RABBITMQ_PASSWORD", "IDENTITY_LINK_SECRET", "GATEWAY_CSRF_SECRET")


def new_environment() -> dict[str, str]:
    """A password per role and a signing key per issuer; nothing repeats between two calls."""
    values = {word: secrets.token_urlsafe(32) for word in _WORDS}
    for service in WITH_DATABASE:
        values[f"{service.upper()}_DATABASE_PASSWORD"] = secrets.token_urlsafe(32)
    values["PROVISIONING_SECRETS_KEY"] = base64.b64encode(secrets.token_bytes(32)).decode()
    public_keys = []
    for issuer in ISSUERS:
        private, public = generate_key(issuer)
        values[f"{issuer.upper()}_SIGNING_KEY"] = private
        public_keys.append(public)
    values["EZ_TOKEN_KEYS"] = json.dumps({"keys": public_keys})
    return values


def main() -> None:
    """Write ``NAME='value'`` lines; single quotes keep Compose from interpreting the JSON."""
    for name, value in new_environment().items():
        sys.stdout.write(f"{name}='{value}'\n")


if __name__ == "__main__":
    main()
