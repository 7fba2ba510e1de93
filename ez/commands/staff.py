"""`ez staff`: who works for us. The way to a first staff login in production: no password is made, shown or sent.

It speaks to identity's database itself, because nobody may be signed in yet; each act is written into the person's
history with the operator who did it.
"""

import argparse
import os
import pwd
import socket
from typing import cast

import uvloop

from ez.services import compose, settings_of
from services.identity.adapters.links import Links
from services.identity.settings import IdentitySettings
from services.identity.use_cases.staffing import Added, Colleague, add_staff, list_staff, remove_staff
from shared.contracts.permissions import STAFF_ROLES
from shared.database import Database
from shared.kernel import DomainError
from shared.messaging import LocalBroker, LocalTransport


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    add = acts.add_parser("add", help="give somebody a role; mails them a link to set a password where they have none")
    add.add_argument("email")
    add.add_argument("--role", action="append", required=True, choices=sorted(STAFF_ROLES), help="may be repeated")
    add.add_argument("--name", default="", help="for somebody who is new here")
    acts.add_parser("list", help="everybody who works for us")
    remove = acts.add_parser("remove", help="take every role away and end every session")
    remove.add_argument("email")


def run(chosen: argparse.Namespace) -> int:
    """Adds, lists or removes; returns the exit code."""
    try:
        uvloop.run(_run(chosen))
    except (DomainError, ValueError) as refused:
        print(refused)
        return 1
    return 0


async def _run(chosen: argparse.Namespace) -> None:
    settings = cast(IdentitySettings, settings_of("identity"))
    # What is published here waits in the outbox for identity's worker; no broker is needed.
    identity = compose("identity", LocalTransport(LocalBroker()))
    try:
        await _act(chosen, identity.database, Links(settings.link_secret.get_secret_value(), settings.public_url))
    finally:
        await identity.database.close()


async def _act(chosen: argparse.Namespace, database: Database, links: Links) -> None:
    if chosen.act == "add":
        made = await database.run(
            lambda work: add_staff(work, chosen.email, chosen.role, by=operator(), name=chosen.name)
        )
        print(_said(made, links))
    elif chosen.act == "remove":
        gone = await database.run(lambda work: remove_staff(work, chosen.email, by=operator()))
        print(f"{gone.email} is no member of staff any more; every session of theirs has ended.")
    else:
        for colleague in await database.run(list_staff):
            print(_line(colleague))


def operator() -> str:
    """Who runs this command: the account on this machine, and whoever became it with sudo."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:  # a container's user need not have a name
        name = f"uid-{number}"
    before = os.environ.get("SUDO_USER")
    return f"operator:{before + '/' if before else ''}{name}@{socket.gethostname()}"


def _said(made: Added, links: Links) -> str:
    has = f"{made.user.email} is a member of staff: {', '.join(made.roles)}."
    if made.link is not None:
        minutes = int((made.link.expires_at - made.link.created_at).total_seconds() // 60)
        return (
            f"{has}\nThey set their password here, once, within {minutes} minutes; it is also mailed to them:\n"
            f"  {links.url(made.link)}"
        )
    if made.user.credential is None:
        return f"{has}\nThey were sent several links within the last hour; try again later."
    return f"{has}\nThey sign in with the password they have."


def _line(colleague: Colleague) -> str:
    ready = "" if colleague.can_sign_in else "   has not set a password yet"
    return f"{colleague.email:<40} {', '.join(colleague.roles):<30} since {colleague.since:%Y-%m-%d}{ready}"
