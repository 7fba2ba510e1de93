"""Identity, as support calls it: for the link that belongs into a mail."""

from typing import Protocol

from shared.database import FailureClass, HandlingFailed
from shared.web.client import HttpError, http_client
from shared.web.tokens import TokenSigner

_TIMEOUT = 10.0


class LinkSource(Protocol):
    """Whoever knows the link of a verification."""

    async def link(self, verification_id: str) -> str | None:
        """The address to put into the mail; None when opening it would be pointless by now.

        Raises HandlingFailed when it cannot be had.
        """
        ...


class IdentityLinks:
    """Asks identity's API, signed as support."""

    def __init__(self, base_url: str, signer: TokenSigner) -> None:
        self._client = http_client(base_url, timeout=_TIMEOUT, traced=True)
        self._signer = signer

    async def link(self, verification_id: str) -> str | None:
        """The link of a verification. Any failure but "gone" is worth another try: a person waits for this mail."""
        headers = {"Authorization": f"Bearer {self._signer.for_service('identity')}"}
        try:
            answer = await self._client.post(f"/internal/verifications/{verification_id}/link", headers=headers)
        except HttpError as error:
            raise HandlingFailed(f"identity is away: {type(error).__name__}", FailureClass.TRANSIENT) from error
        if answer.status_code == 410:
            return None
        if answer.status_code == 404:
            raise HandlingFailed("identity does not know this verification", FailureClass.PERMANENT)
        if answer.status_code != 200:
            raise HandlingFailed(f"identity answered {answer.status_code}", FailureClass.TRANSIENT)
        return str(answer.json()["url"])

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()
