"""E-mail addresses: what is accepted, and how two are compared."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

LONGEST = 254


def normalised_email(text: str) -> str:
    """`text` as an address in the form we keep: NFC, domain in lower case, at most 254 characters (RFC 5321, 4.5.3.1).

    Raises ValueError with words for a person when it is not an address. The domain is not looked up. A name before
    the @ beyond ASCII is refused: too many mail servers cannot deliver to it (RFC 6531), and we could not reach it.
    """
    if len(text) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters")
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False).normalized
    except EmailNotValidError as error:
        raise ValueError("is not an e-mail address we can write to") from error
    return unicodedata.normalize("NFC", found)


def email_key(email: str) -> str:
    """What makes two addresses the same: a mailbox whose name differs only in case is one person to us."""
    return unicodedata.normalize("NFC", email.lower())
