"""What our own services call: the gateway resolves sessions, support asks for links to put into mails."""

from fastapi import APIRouter

from services.identity.adapters.links import Links
from services.identity.api.schemas import Link, PrincipalView, Resolved, TokenBody
from services.identity.use_cases import sessions, verifying
from shared.database import Database
from shared.web.access import internal_router
from shared.web.fields import path_id
from shared.web.tokens import LIFETIME, TokenSigner

VerificationId = path_id("ver")


def session_routes(database: Database, signer: TokenSigner) -> APIRouter:
    """For the gateway."""
    router = internal_router("gateway")

    @router.post("/sessions/resolve")
    async def resolve_session(body: TokenBody) -> Resolved:
        """Who holds a session token now, with a short-lived token to call the services for them."""
        principal = await database.run(lambda work: sessions.resolve_session(work, body.token.get_secret_value()))
        return Resolved(
            access_token=signer.for_person(principal),
            expires_in=LIFETIME,
            principal=PrincipalView(
                user_id=principal.user_id,
                email=principal.email,
                name=principal.name,
                account_id=principal.account_id,
                account_name=principal.account_name,
                role=principal.role,
                staff_roles=list(principal.staff_roles),
                session_id=principal.session_id,
                permissions=sorted(principal.permissions),
                authenticated_at=principal.authenticated_at,
            ),
        )

    return router


def link_routes(database: Database, links: Links) -> APIRouter:
    """For support."""
    router = internal_router("support")

    @router.post("/verifications/{verification_id}/link")
    async def verification_link(verification_id: VerificationId) -> Link:  # type: ignore[valid-type]  # made by path_id
        """The address to put into the mail of a verification; 410 when opening it would be pointless."""
        return Link(url=await database.run(lambda work: verifying.link_of(work, links, verification_id)))

    return router
