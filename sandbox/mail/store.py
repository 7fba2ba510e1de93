"""Caught mail in one SQLite file: it survives a restart, and a kill."""

import sqlite3
import threading
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS mail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL,
    recipient TEXT NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    received_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    deliveries INTEGER NOT NULL DEFAULT 1,
    UNIQUE (message_id, recipient)
)
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """One caught message to one recipient; `deliveries` counts how often it arrived."""

    id: int
    message_id: str
    recipient: str
    sender: str
    subject: str
    text: str
    received_at: str
    deliveries: int


class MailStore:
    """Every caught message. Safe to use from the SMTP thread and the web loop."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(_SCHEMA)

    def keep(self, raw: bytes, recipients: list[str]) -> None:
        """Stores a message for each recipient, or counts one more delivery of it."""
        parsed = BytesParser(policy=policy.default).parsebytes(raw)
        assert isinstance(parsed, EmailMessage)
        body = parsed.get_body(("plain", "html"))
        text = str(body.get_content()) if body else ""
        with self._lock:
            for recipient in recipients:
                self._database.execute(
                    "INSERT INTO mail (message_id, recipient, sender, subject, text) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (message_id, recipient) DO UPDATE SET deliveries = deliveries + 1",
                    (str(parsed["Message-ID"]), recipient, str(parsed["From"]), str(parsed["Subject"]), text),
                )

    def newest(self, recipient: str | None = None, limit: int = 100) -> list[Mail]:
        """The newest messages, to one recipient or to all."""
        where, values = ("WHERE recipient = ? ", [recipient]) if recipient else ("", [])
        return self._select(f"{where}ORDER BY id DESC LIMIT ?", [*values, limit])

    def one(self, mail_id: int) -> Mail | None:
        """The message with this number."""
        return next(iter(self._select("WHERE id = ?", [mail_id])), None)

    def _select(self, rest: str, values: list[object]) -> list[Mail]:
        columns = "id, message_id, recipient, sender, subject, text, received_at, deliveries"
        with self._lock:
            rows = self._database.execute(f"SELECT {columns} FROM mail {rest}", values).fetchall()  # noqa: S608 - `rest` is one of the constants above
        return [Mail(*row) for row in rows]

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
