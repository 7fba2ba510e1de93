"""What a signed-in person may call: who they are, and where they are signed in."""

from fastapi import APIRouter

from services.identity import queries
from services.identity.adapters.passwords import Passwords
from services.identity.api.schemas import PasswordBody, Status
from services.identity.use_cases import confirming, sessions
from shared.contracts.reads.base import Page
from shared.contracts.reads.identity import Me, SessionView
from shared.database import Database
from shared.kernel import NotFound
from shared.web.access import Caller, person_router
from shared.web.fields import path_id
from shared.web.pagination import PageQuery

SessionId = path_id("ses")


def person_routes(database: Database, passwords: Passwords) -> APIRouter:
    """The routes of a signed-in person."""
    router = person_router()

    @router.get("/me", permission="self.read")
    async def me(person: Caller) -> Me:
        """Who is signed in."""
        async with database.read() as session:
            return await queries.me(session, person)

    @router.get("/sessions", permission="self.read")
    async def list_sessions(person: Caller, page: PageQuery) -> Page[SessionView]:
        """Where this person is signed in, the newest first."""
        async with database.read() as session:
            return await queries.sessions_of(session, database.clock, person.user_id, person.session_id, page)

    @router.post("/sessions/current/confirm", permission="self.write")
    async def confirm(person: Caller, body: PasswordBody) -> Status:
        """Proves again who one is, by the password: what destroys, pays or reveals is open for a while."""
        claim = await database.run(lambda work: confirming.begin_confirmation(work, person))
        if not await passwords.matches(claim.password_hash, body.password.get_secret_value()):
            raise confirming.wrong_password()
        await database.run(lambda work: confirming.complete_confirmation(work, person, claim))
        return Status(status="confirmed")

    @router.delete("/sessions/current", permission="self.write", status_code=204)
    async def sign_out(person: Caller) -> None:
        """Ends the session that asks. Safe to repeat."""
        if not person.session_id:
            raise NotFound("There is no such session.")
        await database.run(lambda work: sessions.end_session(work, person.user_id, person.session_id))

    @router.delete("/sessions/{session_id}", permission="self.write", status_code=204)
    async def end_session(session_id: SessionId, person: Caller) -> None:  # type: ignore[valid-type]  # made by path_id
        """Ends one of this person's sessions. Safe to repeat."""
        await database.run(lambda work: sessions.end_session(work, person.user_id, session_id))

    return router
