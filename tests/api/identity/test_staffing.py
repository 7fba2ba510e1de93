"""Staff are made, listed and removed by an operator; nobody is given a password, and every act is in the history."""

import asyncio
import contextlib
import io
import os
import re
from unittest import mock

import httpx
import pytest
from sqlalchemy import text

from ez.cli import main
from ez.commands.staff import operator
from ez.seeding import CUSTOMER, STAFF, NotInProduction, seed_people
from services.identity.main import create_service
from services.identity.use_cases.staffing import add_staff, list_staff, remove_staff
from shared.kernel import Invalid, NotFound
from shared.messaging import LocalBroker, LocalTransport
from tests.api.identity.conftest import LINK_SECRET, OTHER_PASSWORD, PASSWORD, Identity, settings
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS
from tests.support.database import TestDatabase

BY = "operator:root@box"


async def add(identity: Identity, email: str = "sam@example.com", *roles: str) -> None:
    await identity.database.run(lambda work: add_staff(work, email, roles or ("admin",), by=BY, name="Sam"))


async def roles_of(identity: Identity, headers: dict[str, str]) -> object:
    return (await identity.client.get("/api/v1/me", headers=headers)).json()["staff"]


async def test_the_first_member_of_staff_sets_a_password_by_a_link_that_works_once(identity: Identity) -> None:
    await add(identity, "sam@example.com", "admin")
    assert (await identity.sign_in("sam@example.com", "")).status_code in (401, 422)
    assert (await identity.sign_in("sam@example.com", "!")).status_code == 401
    token = await identity.token("reset_password")
    assert (await identity.complete_reset(token, PASSWORD)).status_code == 200
    _, headers = await identity.signed_in("sam@example.com")
    assert await roles_of(identity, headers) == {"roles": ["admin"]}
    assert (await identity.complete_reset(token, OTHER_PASSWORD)).status_code == 410


async def test_somebody_who_can_sign_in_keeps_their_password_and_gets_no_mail(identity: Identity) -> None:
    await identity.customer("ada@example.com")
    await add(identity, "ada@example.com", "support")
    assert await identity.mails("reset_password") == []
    _, headers = await identity.signed_in("ada@example.com")
    assert await roles_of(identity, headers) == {"roles": ["support"]}


async def test_a_password_a_stranger_chose_for_the_address_opens_nothing(identity: Identity) -> None:
    await identity.sign_up("sam@example.com")
    stale = await identity.token("verify_email")
    await add(identity, "sam@example.com")
    assert (await identity.client.post("/api/v1/users/verify", json={"token": stale})).status_code == 410
    assert (await identity.sign_in("sam@example.com")).status_code == 401
    await identity.complete_reset(await identity.token("reset_password"), OTHER_PASSWORD)
    assert (await identity.sign_in("sam@example.com")).status_code == 401
    assert (await identity.sign_in("sam@example.com", OTHER_PASSWORD)).status_code == 201


async def test_roles_add_up_and_are_listed(identity: Identity) -> None:
    await add(identity, "sam@example.com", "support")
    await add(identity, "sam@example.com", "finance")
    listed = await identity.database.run(list_staff)
    assert [(one.email, one.roles, one.can_sign_in) for one in listed] == [
        ("sam@example.com", ("finance", "support"), False)
    ]


@pytest.mark.parametrize("roles", [[], ["owner"], ["admin", "root"]])
async def test_a_role_that_does_not_exist_is_refused(identity: Identity, roles: list[str]) -> None:
    with pytest.raises(Invalid):
        await identity.database.run(lambda work: add_staff(work, "sam@example.com", roles, by=BY))
    assert await identity.count("users") == 0


async def test_who_is_removed_is_signed_out_and_stays_a_person(identity: Identity) -> None:
    await identity.customer("ada@example.com")
    await add(identity, "ada@example.com")
    token, _ = await identity.signed_in("ada@example.com")
    await identity.database.run(lambda work: remove_staff(work, "Ada@Example.com", by=BY))
    assert (await identity.resolve(token)).status_code == 401
    _, headers = await identity.signed_in("ada@example.com")
    assert await roles_of(identity, headers) is None
    with pytest.raises(NotFound):
        await identity.database.run(lambda work: remove_staff(work, "ada@example.com", by=BY))


async def test_every_act_is_in_the_history_with_who_did_it_and_the_role(identity: Identity) -> None:
    await add(identity, "sam@example.com", "finance")
    await identity.database.run(lambda work: remove_staff(work, "sam@example.com", by=BY))
    async with identity.database.read() as session:
        rows = (
            await session.execute(
                text("SELECT verb, by, at, detail FROM user_history WHERE verb LIKE 'staff%' ORDER BY id")
            )
        ).all()
    assert [(row.verb, row.by, row.detail) for row in rows] == [
        ("staff_added", BY, {"roles": ["finance"]}),
        ("staff_removed", BY, {"roles": ["finance"]}),
    ]
    assert all(row.at == identity.clock.now() for row in rows)


def test_the_operator_is_the_account_on_this_machine_whatever_the_environment_says() -> None:
    with mock.patch.dict(os.environ, {"USER": "mallory", "LOGNAME": "mallory"}):
        assert "mallory" not in operator()
    with mock.patch.dict(os.environ, {"SUDO_USER": "grace"}):
        assert operator().startswith("operator:grace/")


def environment_of(identity: Identity) -> dict[str, str]:
    """What an operator's shell has: identity's own settings, and no broker."""
    return {
        "EZ_TOKEN_KEYS": TOKEN_KEYS,
        "IDENTITY_DATABASE_URL": identity.database.url,
        "IDENTITY_SIGNING_KEY": PRIVATE_KEYS["identity"],
        "IDENTITY_LINK_SECRET": LINK_SECRET,
        "IDENTITY_PUBLIC_URL": "https://shop.acme.net",
    }


async def command(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    """`ez …` as an operator runs it: its exit code and what it printed."""
    said = io.StringIO()
    with mock.patch.dict(os.environ, env), contextlib.redirect_stdout(said):
        code = await asyncio.to_thread(main, list(arguments))
    return code, said.getvalue()


async def test_the_command_adds_lists_and_removes_in_production_without_a_broker(identity: Identity) -> None:
    env = environment_of(identity)
    code, said = await command(env, "staff", "add", "sam@acme.net", "--role", "admin", "--name", "Sam")
    assert code == 0, said
    token = re.search(r"https://shop\.acme\.net/reset-password\?token=([\w-]+=*)", said)
    assert token is not None, said
    assert (await identity.complete_reset(token[1], PASSWORD)).status_code == 200
    assert (await identity.sign_in("sam@acme.net")).status_code == 201
    assert "sam@acme.net" in (await command(env, "staff", "list"))[1]
    assert (await command(env, "staff", "remove", "sam@acme.net"))[0] == 0
    assert "sam@acme.net" not in (await command(env, "staff", "list"))[1]
    assert (await command(env, "staff", "remove", "sam@acme.net"))[0] == 1


async def test_demo_logins_are_not_made_in_production(identity: Identity) -> None:
    code, said = await command(environment_of(identity), "seed", "--people")
    assert code == 2
    assert "ez staff add" in said
    assert await identity.count("users") == 0


async def test_published_passwords_open_nothing_in_production(fresh_database: TestDatabase) -> None:
    service = create_service(settings(fresh_database.url("identity")), LocalTransport(LocalBroker()))
    await seed_people(service)
    await service.database.close()
    strict = create_service(
        settings(fresh_database.url("identity"), environment="production"), LocalTransport(LocalBroker())
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(strict.app), base_url="http://identity") as client:
        for login in (CUSTOMER, STAFF):
            body = {"email": login.email, "password": login.password}
            assert (await client.post("/api/v1/sessions", json=body)).status_code == 401
        body = {"email": "new@acme.net", "password": STAFF.password, "name": "New"}
        assert (await client.post("/api/v1/users", json=body)).status_code == 422
    with pytest.raises(NotInProduction):
        await seed_people(strict)
    await strict.database.close()
