"""What identity returns: who is signed in, where, and with which keys they enter their servers."""

from pydantic import BaseModel, Field

from shared.contracts.reads.base import Moment


class UserView(BaseModel):
    """A person, as they see themselves."""

    id: str
    email: str
    name: str
    locale: str


class AccountView(BaseModel):
    """The account a person acts for, and their role in it."""

    id: str
    name: str
    role: str


class StaffView(BaseModel):
    """What a member of staff works as."""

    roles: list[str]


class Me(BaseModel):
    """Who is signed in, and what they may do."""

    user: UserView
    account: AccountView | None
    staff: StaffView | None
    permissions: list[str]
    authenticated_at: Moment | None


class SessionView(BaseModel):
    """One place where the person is signed in; `current` marks the session that asks."""

    id: str
    created_at: Moment
    last_seen_at: Moment
    ip: str | None
    user_agent: str | None
    current: bool


class NewSession(BaseModel):
    """A session that was just opened. The token is shown this once."""

    id: str
    token: str = Field(repr=False)
    expires_at: Moment
    user: UserView


class SshKeyView(BaseModel):
    """A public key of an account. `fingerprint` is SHA256:… as OpenSSH prints it, `public_key` one line."""

    id: str
    name: str
    kind: str
    fingerprint: str
    public_key: str
    created_at: Moment


class SshKeyList(BaseModel):
    """The account's keys, the newest first; an account has at most a hundred."""

    data: list[SshKeyView]
