"""What requests must look like, and what answers look like that are no rows."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from services.identity.adapters.links import LONGEST_TOKEN
from services.identity.domain import normalised_email
from services.identity.domain.people import LONGEST_NAME
from services.identity.queries import UserView
from shared.contracts.reads.common import Moment
from shared.web.fields import Body, Line


def _no_hidden_breaks(value: str) -> str:
    if len(value.splitlines()) > 1:  # also NEL and the Unicode separators, which some mail programs obey
        raise ValueError("must be a single line")
    return value


Email = Annotated[str, AfterValidator(normalised_email)]
Name = Annotated[Line, AfterValidator(_no_hidden_breaks), Field(min_length=1, max_length=LONGEST_NAME)]
# Long enough for any password anybody may have set; length and strength have words of their own.
Password = Annotated[SecretStr, Field(max_length=1024)]
Token = Annotated[SecretStr, Field(max_length=4 * LONGEST_TOKEN)]


class SignUp(Body):
    """A person who wants to become a customer; without `company` the account bears their name."""

    email: Email
    password: Password
    name: Name
    company: Name | None = None


class Address(Body):
    """An address to which a mail is wanted."""

    email: Email


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


class NewSession(BaseModel):
    """A session that was just opened. The token is shown this once."""

    id: str
    token: str
    expires_at: Moment
    user: UserView


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


class Resolved(BaseModel):
    """A session's holder, with a token that lets any service act for them for `expires_in` seconds."""

    access_token: str
    expires_in: int
    principal: PrincipalView


class Link(BaseModel):
    """The address to put into a mail."""

    url: str
