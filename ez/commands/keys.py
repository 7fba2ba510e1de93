"""`ez keys`: the keys that tokens are signed with: list them, make another one, take an old one out of the public set.

It changes nothing by itself; it prints what to set. How to change keys without a refused request:
docs/runbooks/procedures/rotate-signing-keys.md.
"""

import argparse
import os

from ez.embedded.secrets import ISSUERS
from shared.web.keys import generate_key, issuer_of, key_set, public_half, read_key_set


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    acts.add_parser("list", help="whose keys are in EZ_TOKEN_KEYS")
    new = acts.add_parser("new", help="a new signing key, and EZ_TOKEN_KEYS with its public half added")
    new.add_argument("issuer", choices=ISSUERS)
    retire = acts.add_parser("retire", help="EZ_TOKEN_KEYS without this key")
    retire.add_argument("kid")


def run(chosen: argparse.Namespace) -> int:
    """Prints lines for .env or a Secret."""
    given = os.environ.get("EZ_TOKEN_KEYS", "")
    try:
        public = {kid: public_half(key) for kid, key in read_key_set(given).items()} if given else {}
    except ValueError as error:
        print(f"EZ_TOKEN_KEYS {error}")
        return 2
    if chosen.act == "list":
        for kid in public:
            print(f"{issuer_of(kid):<10} {kid}")
    elif chosen.act == "new":
        private, half = generate_key(chosen.issuer)
        print(f"{chosen.issuer.upper()}_SIGNING_KEY='{private}'")
        print(f"EZ_TOKEN_KEYS='{key_set([*public.values(), half])}'")
    else:
        return _retire(public, chosen.kid)
    return 0


def _retire(public: dict[str, dict[str, str]], kid: str) -> int:
    left = [half for name, half in public.items() if name != kid]
    if len(left) == len(public) or not any(issuer_of(half["kid"]) == issuer_of(kid) for half in left):
        print(f"{kid} is not in EZ_TOKEN_KEYS, or the only key of its issuer: make and distribute another one first.")
        return 2
    print(f"EZ_TOKEN_KEYS='{key_set(left)}'")
    return 0
