"""Who may call what. A route is declared with the permission it demands, so a route without one cannot exist.

Deny is the rule: a caller without the permission gets 403, nobody gets 401. A route that destroys, pays or reveals
also demands a `fresh` proof of who the caller is.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from shared.contracts.permissions import PERSONAL, STAFF, VOCABULARY
from shared.kernel import Forbidden, Principal, acting
from shared.web.problems import Unauthenticated
from shared.web.tokens import TokenVerifier

# How long ago a caller may have proved who they are where a fresh proof is demanded.
FRESH = timedelta(minutes=15)

Endpoint = Callable[..., Any]


def principal_of(request: Request) -> Principal:
    """The verified caller. Raises Unauthenticated without a valid bearer token."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send a bearer token.")
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.verify(token)


Caller = Annotated[Principal, Depends(principal_of)]


def account_of(principal: Principal) -> str:
    """The account the caller acts for. Raises Forbidden when there is none."""
    if principal.account_id is None:
        raise Forbidden("You are not a member of an account.", slug="no-account")
    return principal.account_id


def check(principal: Principal, permission: str, *, fresh: bool = False, at: datetime | None = None) -> None:
    """Raises Forbidden unless the caller may do this, and (`fresh`) has proved lately who they are."""
    if principal.service:
        raise Forbidden("Only a person can do this.")
    if permission not in PERSONAL and not permission.startswith(STAFF):
        account_of(principal)
    if not principal.may(permission):
        if permission.startswith(STAFF) and not principal.staff_roles:
            raise Forbidden("Only staff can do this.", slug="staff-only")
        raise Forbidden(f"Your role may not do this ({permission}).", slug="not-permitted")
    if fresh and not _is_fresh(principal, at or datetime.now(UTC)):
        raise Forbidden(
            "Enter your password again to do this.", slug="fresh-proof-needed", title="Prove again who you are"
        )


def _is_fresh(principal: Principal, at: datetime) -> bool:
    proved = principal.authenticated_at
    return proved is not None and at - proved <= FRESH


def demand(permission: str, *, fresh: bool = False) -> Callable[[Principal], Awaitable[None]]:
    """The dependency that lets a caller in who holds `permission`, and names them to what they set in motion."""

    async def permitted(principal: Caller) -> None:
        check(principal, permission, fresh=fresh)
        acting.set(principal.subject)  # the request runs in a task of its own, so this ends with it

    return permitted


class PermissionRouter(APIRouter):
    """Routes for people, each declared with the permission it demands: `@router.get(path, permission="orders.read")`.

    `fresh` demands that the caller proved lately who they are. Both are shown in OpenAPI as `x-permission` and
    `x-fresh`, from which the tests make their matrix.
    """

    def get(  # type: ignore[override]  # demands more than any router does, which is the point
        self, path: str, *, permission: str, fresh: bool = False, **options: Any
    ) -> Endpoint:
        """A route that reads."""
        return self._permitted("GET", path, permission, fresh, options)

    def post(  # type: ignore[override]  # demands more than any router does, which is the point
        self, path: str, *, permission: str, fresh: bool = False, **options: Any
    ) -> Endpoint:
        """A route that acts."""
        return self._permitted("POST", path, permission, fresh, options)

    def put(  # type: ignore[override]  # demands more than any router does, which is the point
        self, path: str, *, permission: str, fresh: bool = False, **options: Any
    ) -> Endpoint:
        """A route that replaces."""
        return self._permitted("PUT", path, permission, fresh, options)

    def patch(  # type: ignore[override]  # demands more than any router does, which is the point
        self, path: str, *, permission: str, fresh: bool = False, **options: Any
    ) -> Endpoint:
        """A route that changes a part."""
        return self._permitted("PATCH", path, permission, fresh, options)

    def delete(  # type: ignore[override]  # demands more than any router does, which is the point
        self, path: str, *, permission: str, fresh: bool = False, **options: Any
    ) -> Endpoint:
        """A route that removes."""
        return self._permitted("DELETE", path, permission, fresh, options)

    def _permitted(self, method: str, path: str, permission: str, fresh: bool, options: dict[str, Any]) -> Endpoint:
        if permission not in VOCABULARY:
            raise ValueError(f"{method} {path}: {permission} is not in the vocabulary of permissions")
        extra = {"x-permission": permission, **({"x-fresh": True} if fresh else {})}
        return self.api_route(
            path,
            methods=[method],
            dependencies=[Depends(demand(permission, fresh=fresh))],
            openapi_extra=extra,
            **options,
        )


def public_router(prefix: str = "/api/v1", **options: Any) -> APIRouter:
    """Routes anybody may call; every one of them is listed in the architecture test."""
    return APIRouter(prefix=prefix, tags=["public"], **options)


def person_router(prefix: str = "/api/v1", **options: Any) -> PermissionRouter:
    """Routes of a signed-in person about themselves."""
    return PermissionRouter(prefix=prefix, tags=["person"], **options)


def customer_router(prefix: str = "/api/v1", **options: Any) -> PermissionRouter:
    """Routes for people acting for an account."""
    return PermissionRouter(prefix=prefix, tags=["customer"], **options)


def staff_router(prefix: str = "/api/v1/staff", **options: Any) -> PermissionRouter:
    """Routes for staff."""
    return PermissionRouter(prefix=prefix, tags=["staff"], **options)


def internal_router(*callers: str, prefix: str = "/internal", **options: Any) -> APIRouter:
    """Routes for the named services of ours; the gateway never forwards these paths."""

    def one_of_ours(principal: Caller) -> Principal:
        if principal.service not in callers:
            raise Forbidden("This is an internal endpoint.")
        return principal

    return APIRouter(prefix=prefix, tags=["internal"], dependencies=[Depends(one_of_ours)], **options)
