"""Where a request comes from. The gateway says so; nothing else can reach these endpoints."""

from ipaddress import ip_address
from typing import Annotated

from fastapi import Depends, Request

from services.identity.use_cases.signing_in import Visitor

_LONGEST_AGENT = 300


def visitor(request: Request) -> Visitor:
    """The client's address from `X-Client-IP` (set by the gateway, which drops the client's own) and its agent.

    Without a well-formed header the address is unknown: counting every such request as one visitor would let one
    of them lock out all others.
    """
    agent = "".join(character for character in request.headers.get("user-agent", "") if character.isprintable())
    return Visitor(ip=_address(request.headers.get("x-client-ip", "")), user_agent=agent[:_LONGEST_AGENT] or None)


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        return None


From = Annotated[Visitor, Depends(visitor)]
