"""Where objects live: one SQLite database, in a file or in memory.

A committed transaction survives kill -9 (write-ahead log; the operating system keeps what was written). One
connection, used only from the event loop's thread: a transaction holds no await, so it is never interleaved.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

JsonObject = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
  UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (kind, json_extract(body, '$.customer'));
CREATE INDEX IF NOT EXISTS objects_email ON objects (kind, json_extract(body, '$.email'));
CREATE INDEX IF NOT EXISTS objects_payment_intent ON objects (kind, json_extract(body, '$.payment_intent'));
CREATE INDEX IF NOT EXISTS objects_status ON objects (kind, json_extract(body, '$.status'));
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY, path TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL,
  request_id TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
  event_id TEXT PRIMARY KEY, payload BLOB NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  due_at REAL NOT NULL, last_status INTEGER, last_error TEXT);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due_at);
CREATE TABLE IF NOT EXISTS delivery_attempts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL, kind TEXT NOT NULL, sent_at REAL NOT NULL,
  duration_ms INTEGER NOT NULL, status INTEGER, error TEXT);
CREATE INDEX IF NOT EXISTS delivery_attempts_event ON delivery_attempts (event_id, seq);
CREATE TABLE IF NOT EXISTS clock (id INTEGER PRIMARY KEY CHECK (id = 1), offset_seconds INTEGER NOT NULL);
"""
_TABLES = ("objects", "idempotency", "deliveries", "delivery_attempts", "clock")
_SEQ_OF = "(SELECT seq FROM objects WHERE kind = ? AND id = ?)"
_OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "glob": "GLOB", "is": "IS"}


@dataclass(frozen=True)
class Where:
    """One condition on an object's JSON: `path` is dotted, `operator` one of eq ne gt gte lt lte glob is in.

    `is` also finds null.
    """

    path: str
    operator: str
    value: Any

    def sql(self) -> tuple[str, list[Any]]:
        """The condition and its bound values."""
        column = f"json_extract(body, '$.{self.path}')"
        if self.operator == "in":
            among = "IN (SELECT value FROM json_each(?))"
            return f"{column} {among}", [orjson.dumps(self.value).decode()]
        return f"{column} {_OPERATORS[self.operator]} ?", [self.value]


class Store:
    """Objects by kind and id, in creation order."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path if path is not None else ":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Releases the file. The store cannot be used afterwards."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Nesting is a mistake and raises sqlite3.OperationalError."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def insert(self, kind: str, obj: JsonObject) -> JsonObject:
        """Adds an object under its own `id` and returns it. Raises sqlite3.IntegrityError for a known id."""
        self.connection.execute(
            "INSERT INTO objects (kind, id, body) VALUES (?, ?, ?)", (kind, obj["id"], orjson.dumps(obj).decode())
        )
        return obj

    def save(self, kind: str, obj: JsonObject) -> JsonObject:
        """Overwrites a stored object and returns it."""
        self.connection.execute(
            "UPDATE objects SET body = ? WHERE kind = ? AND id = ?", (orjson.dumps(obj).decode(), kind, obj["id"])
        )
        return obj

    def get(self, kind: str, identifier: str) -> JsonObject | None:
        """The object, or None. The caller owns the returned copy."""
        row = self.connection.execute(
            "SELECT body FROM objects WHERE kind = ? AND id = ?", (kind, identifier)
        ).fetchone()
        return None if row is None else orjson.loads(row["body"])

    def find(
        self,
        kind: str,
        conditions: Sequence[Where] = (),
        *,
        limit: int = 1000,
        older_than: str | None = None,
        newer_than: str | None = None,
    ) -> list[JsonObject]:
        """Newest first. `older_than` and `newer_than` are ids of the same kind; with `newer_than` the page is the
        one directly above it, still newest first."""
        clauses, values = ["kind = ?"], [kind]
        for condition in conditions:
            clause, bound = condition.sql()
            clauses.append(clause)
            values.extend(bound)
        for anchor, comparison in ((older_than, "<"), (newer_than, ">")):
            if anchor is not None:
                clauses.append(f"seq {comparison} {_SEQ_OF}")
                values.extend([kind, anchor])
        direction = "ASC" if newer_than is not None else "DESC"
        rows = self.connection.execute(
            # Paths and operators are constants of this package; every value is bound.
            f"SELECT body FROM objects WHERE {' AND '.join(clauses)} ORDER BY seq {direction} LIMIT ?",  # noqa: S608
            [*values, limit],
        ).fetchall()
        found = [orjson.loads(row["body"]) for row in rows]
        return found[::-1] if newer_than is not None else found

    def clear(self) -> None:
        """Forgets everything."""
        for table in _TABLES:
            self.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - table names are constants
