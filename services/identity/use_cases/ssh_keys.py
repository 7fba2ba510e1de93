"""An account's SSH keys: added once each, and removed. Servers that have a key keep it; it is for new ones."""

from sqlalchemy import Select, delete, func, select
from sqlalchemy.exc import IntegrityError

from services.identity.domain import Account, SshKey
from services.identity.domain.ssh_keys import MOST_KEYS
from shared.database import UnitOfWork
from shared.kernel import Conflict, FieldError, Invalid, NotFound, Principal
from shared.kernel.ssh_keys import PublicKey, parse_public_key
from shared.web.access import account_of


def keys_of(caller: Principal) -> Select[SshKey]:
    """The keys the caller may see: those of the account they act for. The one owner filter."""
    return select(SshKey).where(SshKey.account_id == account_of(caller))


async def add_key(work: UnitOfWork, caller: Principal, *, name: str, public_key: str) -> SshKey:
    """Adds a key to the caller's account.

    Raises Invalid for what is no public key, Conflict (`ssh-key-known`, `too-many-ssh-keys`).
    """
    key = _parsed(public_key)
    account_id = account_of(caller)
    # One change at a time per account, so that the count below is one nobody else is adding to.
    await work.one(select(Account).where(Account.id == account_id).with_for_update(), "There is no such account.")
    count = await work.session.scalar(select(func.count()).where(SshKey.account_id == account_id))
    if (count or 0) >= MOST_KEYS:
        raise Conflict(f"An account has at most {MOST_KEYS} SSH keys. Remove one first.", slug="too-many-ssh-keys")
    row = SshKey.of(account_id, name, key, at=work.clock.now(), by=work.actor)
    try:
        async with work.session.begin_nested():
            work.add(row)
            await work.session.flush()
    except IntegrityError as error:
        raise Conflict("This key is in your account already.", slug="ssh-key-known") from error
    return row


async def remove_key(work: UnitOfWork, caller: Principal, key_id: str) -> None:
    """Forgets one of the account's keys. Raises NotFound for anybody else's, and for one that is gone."""
    gone = delete(SshKey).where(SshKey.id == key_id, SshKey.account_id == account_of(caller)).returning(SshKey.id)
    if (await work.session.execute(gone)).first() is None:
        raise NotFound("There is no such SSH key.")


def _parsed(text: str) -> PublicKey:
    try:
        return parse_public_key(text)
    except ValueError as error:
        raise Invalid(str(error), slug="ssh-key-invalid", errors=(FieldError("/public_key", str(error)),)) from error
