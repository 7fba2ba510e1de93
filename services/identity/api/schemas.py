"""What requests must look like, and what answers look like that are no rows."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from services.identity.adapters.links import LONGEST_TOKEN
from services.identity.domain import normalised_email
from services.identity.domain.people import LONGEST_NAME
from shared.contracts.reads.base import Moment
from shared.web.fields import Body, Line

# A configured order may hold several SSH keys, and all of it travels in the address.
LONGEST_PATH = 8_000


def _no_hidden_breaks(value: str) -> str:
    if len(value.splitlines()) > 1:  # also NEL and the Unicode separators, which some mail programs obey
        raise ValueError("must be a single line")
    return value


Email = Annotated[str, AfterValidator(normalised_email)]
Name = Annotated[Line, AfterValidator(_no_hidden_breaks), Field(min_length=1, max_length=LONGEST_NAME)]
# Long enough for any password anybody may have set; length and strength have words of their own.
Password = Annotated[SecretStr, Field(max_length=1024)]
Token = Annotated[SecretStr, Field(max_length=4 * LONGEST_TOKEN)]


def _local_path(value: str) -> str:
    """A path of this site: nothing a browser could take for another one (CWE-601). The gateway checks it again."""
    if not value.startswith("/") or value.startswith("//") or "\\" in value or not value.isprintable() or " " in value:
        raise ValueError("must be a path of this site, such as /buy/vps-s")
    return value


LocalPath = Annotated[str, AfterValidator(_local_path), Field(max_length=LONGEST_PATH)]


class SignUp(Body):
    """A person who wants to become a customer; without `company` the account bears their name.

    `next` is the page of ours they were on their way to.
    """

    email: Email
    password: Password
    name: Name
    company: Name | None = None
    next: LocalPath | None = None


class Address(Body):
    """An address to which a mail is wanted; `next` is where its link leads on to."""

    email: Email
    next: LocalPath | None = None


class PasswordBody(Body):
    """The password of the person who is signed in."""

    password: Password


class SshKeyBody(Body):
    """A public key to add; without a name it bears its comment."""

    name: Annotated[Line, Field(max_length=100)] = ""
    public_key: Annotated[str, Field(min_length=1, max_length=16_384)]


class TokenBody(Body):
    """The token of a link, or of a session."""

    token: Token


class NewPassword(Body):
    """A password chosen with a reset link."""

    token: Token
    password: Password


class Credentials(Body):
    """What somebody signs in with."""

    email: Email
    password: Password


class Status(BaseModel):
    """What was done."""

    status: str


class PrincipalView(BaseModel):
    """Who holds a session."""

    user_id: str
    email: str
    name: str
    account_id: str | None
    account_name: str
    role: str | None
    staff_roles: list[str]
    session_id: str
    permissions: list[str]
    authenticated_at: Moment | None


class Resolved(BaseModel):
    """A session's holder, with a token that lets any service act for them for `expires_in` seconds."""

    access_token: str
    expires_in: int
    principal: PrincipalView


class Link(BaseModel):
    """The address to put into a mail."""

    url: str
