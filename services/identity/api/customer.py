"""What people acting for an account may call: the account's SSH keys."""

from fastapi import APIRouter
from pydantic import BaseModel

from services.identity import queries
from services.identity.api.schemas import SshKeyBody
from services.identity.use_cases import ssh_keys
from shared.contracts.reads.identity import SshKeyList, SshKeyView
from shared.database import Database, UnitOfWork
from shared.web.access import Caller, customer_router
from shared.web.fields import path_id
from shared.web.idempotency import IdempotencyKeyOptional

KeyId = path_id("key")


def customer_routes(database: Database) -> APIRouter:
    """The keys with which the account's people enter its servers."""
    router = customer_router("/api/v1/ssh-keys")

    @router.get("", permission="keys.read")
    async def list_ssh_keys(caller: Caller) -> SshKeyList:
        """The account's public keys, the newest first."""
        async with database.read() as session:
            return await queries.ssh_keys(session, ssh_keys.keys_of(caller))

    @router.post("", permission="keys.write", status_code=201, response_model=SshKeyView)
    async def add_ssh_key(caller: Caller, body: SshKeyBody, once: IdempotencyKeyOptional) -> object:
        """Adds a public key to the account. A private one is refused."""

        async def change(work: UnitOfWork) -> BaseModel:
            return queries.ssh_key_view(
                await ssh_keys.add_key(work, caller, name=body.name, public_key=body.public_key)
            )

        return await once(change, status=201)

    @router.delete("/{key_id}", permission="keys.write", status_code=204)
    async def remove_ssh_key(caller: Caller, key_id: KeyId) -> None:  # type: ignore[valid-type]  # made by path_id
        """Forgets a key. Servers that have it keep it."""
        await database.run(lambda work: ssh_keys.remove_key(work, caller, key_id))

    return router
