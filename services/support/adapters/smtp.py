"""Sending mail over SMTP (RFC 5321), and what each way to fail means for the mail."""

from email.message import EmailMessage
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPHeloError,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from shared.database import FailureClass, HandlingFailed

_TIMEOUT = 30.0
_PERMANENT = 500
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


class Mailer(Protocol):
    """Whatever can deliver a mail."""

    async def send(self, message: EmailMessage) -> None:
        """Delivers the mail to its To address. Raises HandlingFailed, saying whether another try makes sense."""
        ...


class SmtpMailer:
    """Hands mails to the server at `url`: smtp:// (no encryption), smtp+starttls:// (demanded) or smtps://."""

    def __init__(self, url: str, *, timeout: float = _TIMEOUT) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._use_tls = parts.scheme == "smtps"
        self._start_tls = parts.scheme == "smtp+starttls"
        self._timeout = timeout

    async def send(self, message: EmailMessage) -> None:
        """One connection, one mail. A refusal with 5xx is final; everything else is tried again."""
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._use_tls,
                start_tls=self._start_tls,
                timeout=self._timeout,
            )
        except (SMTPException, OSError, ValueError) as error:
            raise _failed(error) from error


def _failed(error: Exception) -> HandlingFailed:
    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        return _failed(error.recipients[0])
    if isinstance(error, SMTPAuthenticationError | SMTPConnectError | SMTPHeloError):
        # The server refuses us, not this mail: somebody will correct the settings, and the mail is still wanted.
        return HandlingFailed(f"mail server: {_words(error)}", FailureClass.TRANSIENT)
    if isinstance(error, SMTPResponseException):
        failure = FailureClass.PERMANENT if error.code >= _PERMANENT else FailureClass.TRANSIENT
        return HandlingFailed(f"mail server: {_words(error)}", failure)
    if isinstance(error, SMTPNotSupported | ValueError):
        return HandlingFailed(f"this address cannot be mailed: {_words(error)}", FailureClass.PERMANENT)
    return HandlingFailed(f"mail server: {_words(error)}", FailureClass.TRANSIENT)


def _words(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}"
