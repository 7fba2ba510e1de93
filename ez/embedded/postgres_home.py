"""The files of one embedded server: who may use them, the administrator's password, the cluster itself.

A home holds ``cluster/`` (PostgreSQL's own), ``admin.password`` (mode 0600), ``postgres.log`` and
``owner.lock``.
"""

import fcntl
import os
import secrets
import shutil
from pathlib import Path

from .postgres_account import ServerAccount
from .postgres_binaries import PostgresBinaries

ADMIN = "postgres"


class PostgresDidNotStart(RuntimeError):
    """The server could not be created or started; the message says why and what to do."""


class DirectoryInUse(PostgresDidNotStart):
    """Another living process runs a server from the same directory."""


class PostgresHome:
    """A directory that ``account`` owns and can enter."""

    def __init__(self, directory: Path, account: ServerAccount) -> None:
        self.directory = directory
        self.cluster = directory / "cluster"
        self.log = directory / "postgres.log"
        self._password_file = directory / "admin.password"
        self._account = account
        self._lock: int | None = None

    def claim(self) -> None:
        """Become the only user until ``release`` or our end, however we end.

        Raises DirectoryInUse, naming the process that has it.
        """
        lock = os.open(self.directory / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise DirectoryInUse(
                f"The PostgreSQL data in {self.directory} is in use by process {owner}."
                " Stop that one first (it is probably another `make up`)."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def release(self) -> None:
        """Give the claim up; does nothing without one."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def admin_password(self) -> str:
        """The superuser's password, generated at first use; only the server's account may read the file."""
        if self._password_file.exists():
            return self._password_file.read_text().strip()
        if self.cluster.exists():
            raise PostgresDidNotStart(
                f"{self._password_file} is missing, so the cluster beside it cannot be entered."
                f" Restore that file, or remove {self.directory} to start with an empty database."
            )
        password = secrets.token_urlsafe(24)
        unfinished = self._password_file.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(password + "\n")
        self._account.own(unfinished)
        unfinished.rename(self._password_file)
        return password

    def ensure_cluster(self, binaries: PostgresBinaries, *, durable: bool) -> None:
        """Create the cluster if there is none.

        It gets its name only when complete, so a killed initdb leaves no half cluster. Raises
        PostgresDidNotStart when initdb fails or the cluster belongs to another major version.
        """
        if not self.cluster.exists():
            unfinished = self.directory / "cluster.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            self._initdb(binaries, unfinished, durable=durable)
            unfinished.rename(self.cluster)
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        if made_by != str(binaries.major):
            raise PostgresDidNotStart(
                f"The data in {self.cluster} was made by PostgreSQL {made_by}, but {binaries.bin_dir} is"
                f" version {binaries.version}. Set EZ_PG_BINDIR to a PostgreSQL {made_by},"
                f" or remove {self.directory} to start with an empty database."
            )

    def _initdb(self, binaries: PostgresBinaries, directory: Path, *, durable: bool) -> None:
        command: list[str | Path] = [binaries.initdb, "-D", directory, "-U", ADMIN, "--encoding=UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={self._password_file}"]
        # The wheel's build has no ICU. PostgreSQL 17 brought a built-in C.UTF-8: case rules for every script
        # and the same order on every machine. Older servers take the C library's.
        if binaries.major >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        else:
            command += ["--locale=C.UTF-8"]
        if not durable:
            command.append("--no-sync")
        code, printed = self._account.run(command)
        if code != 0:
            raise PostgresDidNotStart(f"initdb failed in {self.directory}:\n{printed.strip()}")
