"""`python -m sandbox.stripe --port 8010`: the sandbox on its own.

Flags win over STRIPE_SANDBOX_* environment variables.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from sandbox.stripe.app import create_app
from sandbox.stripe.settings import StripeSandboxSettings


def main() -> None:
    """Parses the command line and serves until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.stripe", description="A stand-in for Stripe.")
    parser.add_argument("--host", default=os.environ.get("STRIPE_SANDBOX_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("STRIPE_SANDBOX_PORT", "8010")))
    parser.add_argument("--api-key")
    parser.add_argument("--webhook-secret")
    parser.add_argument("--webhook-url")
    parser.add_argument("--public-url", help="base URL of the hosted pages (default: http://HOST:PORT)")
    parser.add_argument("--state-path", type=Path, help="keep state in this file across restarts")
    given = parser.parse_args()
    settings = StripeSandboxSettings.from_environment(
        {"STRIPE_SANDBOX_PUBLIC_URL": f"http://{given.host}:{given.port}", **os.environ}
    )
    names = ("api_key", "webhook_secret", "webhook_url", "public_url", "state_path")
    flags: dict[str, Any] = {name: getattr(given, name) for name in names}
    settings = replace(settings, **{name: value for name, value in flags.items() if value is not None})
    uvicorn.run(create_app(settings), host=given.host, port=given.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
