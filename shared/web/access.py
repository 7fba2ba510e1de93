"""Who may call what. A route belongs to a router made here, so a route without a rule cannot exist."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from shared.kernel import Forbidden
from shared.web.problems import Unauthenticated
from shared.web.tokens import Principal, TokenVerifier

# What each role of an account may do; `read_only` may look.
WRITERS = frozenset({"owner", "admin", "billing", "technical"})


def principal_of(request: Request) -> Principal:
    """The verified caller. Raises Unauthenticated without a valid bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send a bearer token.")
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.verify(token)


def person(principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
    """Any signed-in person, with or without an account."""
    if principal.service:
        raise Forbidden("Only a person can do this.")
    return principal


def customer(principal: Annotated[Principal, Depends(person)], request: Request) -> Principal:
    """A person acting for an account; roles that may only read are held to safe methods."""
    if principal.account_id is None:
        raise Forbidden("You are not a member of an account.", slug="no-account")
    if request.method not in ("GET", "HEAD") and principal.role not in WRITERS:
        raise Forbidden("Your role in this account may only read.", slug="read-only-role")
    return principal


def staff(principal: Annotated[Principal, Depends(person)]) -> Principal:
    """A member of staff."""
    if not principal.staff_roles:
        raise Forbidden("Only staff can do this.", slug="staff-only")
    return principal


def account_of(principal: Principal) -> str:
    """The account the caller acts for. Raises Forbidden when there is none."""
    if principal.account_id is None:
        raise Forbidden("You are not a member of an account.", slug="no-account")
    return principal.account_id


Person = Annotated[Principal, Depends(person)]
Customer = Annotated[Principal, Depends(customer)]
Staff = Annotated[Principal, Depends(staff)]


def public_router(prefix: str = "/api/v1", **options: Any) -> APIRouter:
    """Routes anybody may call; every one of them is listed in the architecture test."""
    return APIRouter(prefix=prefix, tags=["public"], **options)


def person_router(prefix: str = "/api/v1", **options: Any) -> APIRouter:
    """Routes for any signed-in person."""
    return APIRouter(prefix=prefix, tags=["person"], dependencies=[Depends(person)], **options)


def customer_router(prefix: str = "/api/v1", **options: Any) -> APIRouter:
    """Routes for people acting for an account."""
    return APIRouter(prefix=prefix, tags=["customer"], dependencies=[Depends(customer)], **options)


def staff_router(prefix: str = "/api/v1/staff", **options: Any) -> APIRouter:
    """Routes for staff."""
    return APIRouter(prefix=prefix, tags=["staff"], dependencies=[Depends(staff)], **options)


def internal_router(*callers: str, prefix: str = "/internal", **options: Any) -> APIRouter:
    """Routes for the named services of ours; the gateway never forwards these paths."""

    def one_of_ours(principal: Annotated[Principal, Depends(principal_of)]) -> Principal:
        if principal.service not in callers:
            raise Forbidden("This is an internal endpoint.")
        return principal

    return APIRouter(prefix=prefix, tags=["internal"], dependencies=[Depends(one_of_ours)], **options)
