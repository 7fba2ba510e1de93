"""Command line of the demos: python -m ez.demo [NAME] --url http://127.0.0.1:8000."""

import argparse
import json
import os
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import ez.demo
from ez.demo import keys, life, mixed, vps
from ez.demo.steps import Away, DemoFailed, Place

DEMOS: dict[str, Callable[[Place, str], None]] = {
    "vps": vps.run,
    "mixed": mixed.run,
    "keys": keys.run,
    "life": life.run,
}


def main() -> int:
    """Runs one demo; the exit code says whether every promise held."""
    parser = argparse.ArgumentParser(
        prog="demo", description=ez.demo.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=DEMOS, default="vps")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--plan", default="vps-s")
    parser.add_argument("--home", type=Path, default=Path(".ez"), help="the running instance's data directory")
    chosen = parser.parse_args()
    try:
        DEMOS[chosen.name](_place(chosen.url, chosen.home), chosen.plan)
    except (DemoFailed, Away) as error:
        print(f"\n  The demo failed: {error}", file=sys.stderr)
        return 1
    print("\n  Every promise held.")
    return 0


def _place(url: str, home: Path) -> Place:
    parts = urllib.parse.urlsplit(url)
    hypervisor = os.environ.get("DEMO_HYPERVISOR_URL", f"http://{parts.hostname}:{(parts.port or 80) + 11}")
    token = os.environ.get("DEMO_HYPERVISOR_TOKEN", "")
    secrets_file = home / "secrets.json"
    if not token and secrets_file.exists():
        token = "ez@pve!provisioning=" + json.loads(secrets_file.read_text())["hypervisor_token"]
    return Place(url, hypervisor, token)


if __name__ == "__main__":
    sys.exit(main())
