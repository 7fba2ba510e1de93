"""What anybody may call: signing up, verifying, signing in, resetting a password."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import APIRouter

from services.identity.adapters.links import Links
from services.identity.adapters.passwords import Passwords
from services.identity.api.schemas import Address, Credentials, NewPassword, SignUp, Status, TokenBody
from services.identity.api.visitor import From
from services.identity.domain import Limit
from services.identity.domain.attempts import network_of
from services.identity.queries import user_view
from services.identity.settings import IdentitySettings
from services.identity.use_cases import registering, resetting, signing_in, throttling
from services.identity.use_cases.signing_in import Visitor
from shared.contracts.reads.identity import NewSession
from shared.database import Database
from shared.kernel import Forbidden
from shared.web.access import public_router

_SENT = Status(status="verification_sent")
_HOUR = timedelta(hours=1)


@asynccontextmanager
async def _at_least(seconds: float) -> AsyncIterator[None]:
    """Lets what happens inside take `seconds` at least, so that its duration does not tell what happened."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        yield
    finally:
        await asyncio.sleep(max(0.0, started + seconds - loop.time()))


async def _admit(database: Database, limit: Limit, visitor: Visitor) -> None:
    if visitor.ip is not None:
        network = network_of(visitor.ip)
        await database.run(lambda work: throttling.admit(work, limit, network))


def public_routes(database: Database, passwords: Passwords, links: Links, settings: IdentitySettings) -> APIRouter:
    """The routes without a session."""
    router = public_router()
    _sign_up_routes(router, database, passwords, links, settings)
    _reset_routes(router, database, passwords, links, settings)
    _sign_in_routes(router, database, passwords)
    return router


def _sign_up_routes(
    router: APIRouter, database: Database, passwords: Passwords, links: Links, settings: IdentitySettings
) -> None:
    sign_ups = Limit("sign_up.ip", settings.sign_ups_per_ip, _HOUR)
    mails = Limit("mail.ip", settings.mail_requests_per_ip, _HOUR)

    @router.post("/users", status_code=202)
    async def sign_up(body: SignUp, visitor: From) -> Status:
        """Signs up. The answer is the same for an address that is known already; its owner is told by mail."""
        password = body.password.get_secret_value()
        async with _at_least(settings.answer_floor):
            await _admit(database, sign_ups, visitor)
            await passwords.refuse_weak(password, [body.email, body.name, body.company or ""])
            digest = await passwords.hash(password)
            await database.run(
                lambda work: registering.sign_up(
                    work,
                    email=body.email,
                    name=body.name,
                    account_name=body.company or body.name,
                    password_hash=digest,
                    next_path=body.next,
                )
            )
        return _SENT

    @router.post("/users/verify")
    async def verify_email(body: TokenBody) -> Status:
        """Uses up the link of a verification mail."""
        await database.run(lambda work: registering.verify_email(work, links, body.token.get_secret_value()))
        return Status(status="verified")

    @router.post("/users/verify/resend", status_code=202)
    async def resend_verification(body: Address, visitor: From) -> Status:
        """Sends another verification mail, if the address needs one. The answer does not say whether it does."""
        async with _at_least(settings.answer_floor):
            await _admit(database, mails, visitor)
            await database.run(lambda work: registering.request_verification(work, body.email, body.next))
        return _SENT


def _reset_routes(
    router: APIRouter, database: Database, passwords: Passwords, links: Links, settings: IdentitySettings
) -> None:
    mails = Limit("mail.ip", settings.mail_requests_per_ip, _HOUR)

    @router.post("/password-resets", status_code=202)
    async def request_password_reset(body: Address, visitor: From) -> Status:
        """Sends a reset mail, if somebody has the address. The answer does not say whether anybody does."""
        async with _at_least(settings.answer_floor):
            await _admit(database, mails, visitor)
            await database.run(lambda work: resetting.request_password_reset(work, body.email, body.next))
        return Status(status="reset_sent")

    @router.post("/password-resets/complete")
    async def complete_password_reset(body: NewPassword) -> Status:
        """Sets a new password with a reset link and ends every session of the person."""
        token, password = body.token.get_secret_value(), body.password.get_secret_value()
        user = await database.run(lambda work: resetting.check_reset(work, links, token))
        await passwords.refuse_weak(password, [user.email, user.name])
        digest = await passwords.hash(password)
        await database.run(lambda work: resetting.complete_password_reset(work, links, token, digest))
        return Status(status="password_changed")


def _sign_in_routes(router: APIRouter, database: Database, passwords: Passwords) -> None:
    @router.post("/sessions", status_code=201)
    async def sign_in(body: Credentials, visitor: From) -> NewSession:
        """Opens a session. An unknown address and a wrong password get the same answer after the same work."""
        password = body.password.get_secret_value()
        claim = await database.run(lambda work: signing_in.begin_sign_in(work, body.email, visitor))
        if not await passwords.matches(claim.password_hash, password):
            raise signing_in.wrong_credentials()
        assert claim.password_hash is not None
        new_hash = await passwords.hash(password) if passwords.outdated(claim.password_hash) else None
        opened = await database.run(lambda work: signing_in.complete_sign_in(work, claim, visitor, new_hash=new_hash))
        if opened is None:
            raise Forbidden(
                "Open the link in the mail we sent you first, or ask for a new one.",
                slug="email-unverified",
                title="The e-mail address is not verified yet",
            )
        session = opened.session
        return NewSession(id=session.id, token=opened.token, expires_at=session.expires_at, user=user_view(opened.user))
