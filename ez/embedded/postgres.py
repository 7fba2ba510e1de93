"""A real PostgreSQL server beside us: created at the first start, stopped with us, its data kept.

**It does not outlive its starter.** ``prctl(PR_SET_PDEATHSIG)`` is cleared when a process changes its user
id, which is what happens under root, so a guard does it: a shell that waits on a pipe whose other end only we
hold. When we end, by whatever signal, the kernel closes the pipe and the guard asks the server for a fast
shutdown. Should the guard be killed as well, the next start on the same directory ends the orphan first.

**One owner.** A file lock is held for as long as we live; a second start on the same directory is refused.

The server listens on 127.0.0.1 only, without a Unix socket (whose path has a limit of 107 bytes).
"""

import asyncio
import contextlib
import logging
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from .postgres_account import ServerAccount
from .postgres_binaries import PostgresBinaries, find_binaries
from .postgres_home import ADMIN, DirectoryInUse, PostgresDidNotStart, PostgresHome
from .postgres_processes import end_leftovers

MAX_CONNECTIONS = 150
START_TIMEOUT_S = 60.0
LOCK_FILE_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 30.0
_LOG_LIMIT_BYTES = 5_000_000
_GUARD = 'read -r _; kill -INT "$1"'
_MAY_LOSE_DATA = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")

logger = logging.getLogger(__name__)


class PortInUse(PostgresDidNotStart):
    """Another program listens on the port."""


class EmbeddedPostgres:
    """One PostgreSQL server on 127.0.0.1:``port`` with its files in ``data_dir``.

    ``durable=False`` turns fsync and its kin off: for tests, whose data may die with the machine.
    """

    def __init__(self, data_dir: Path, port: int, *, durable: bool = True) -> None:
        self.port = port
        self.durable = durable
        self._account = ServerAccount.for_this_process()
        self._home = PostgresHome(Path(data_dir).resolve(), self._account)
        self._server: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._password = ""

    @property
    def home(self) -> Path:
        """Where the files are; after the start not ``data_dir`` when ``nobody`` cannot enter that."""
        return self._home.directory

    @property
    def admin_url(self) -> str:
        """``postgresql://`` address of the superuser; available after the start."""
        return f"postgresql://{ADMIN}:{self._password}@127.0.0.1:{self.port}/postgres"

    @property
    def running(self) -> bool:
        """Whether the server process is alive."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._server.pid if self._server is not None and self.running else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Create the cluster if there is none, start the server and return when it answers.

        Raises PortInUse, DirectoryInUse, PostgresDidNotStart, NoPostgresBinaries or UnusableDirectory.
        """
        if self.running:
            return
        await self.stop()
        try:
            binaries = await asyncio.to_thread(self._prepare)
            await self._launch(binaries)
        except BaseException:  # cancellation too: nothing may be left running or locked
            await self.stop()
            raise

    async def stop(self) -> None:
        """Fast shutdown: open transactions roll back, data is flushed. Does nothing when not running."""
        await asyncio.to_thread(self._stop)

    def _prepare(self) -> PostgresBinaries:
        binaries = find_binaries()
        directory, reason = self._account.home(self.home)
        if reason is not None:
            logger.warning("PostgreSQL's data is in %s (%s)", directory, reason)
        self._home = PostgresHome(directory, self._account)
        self._home.claim()
        if not self._account.can_execute(binaries.postgres):
            binaries = binaries.copied_to(directory)
        if end_leftovers(self._home.cluster, self._account):
            logger.info("Stopped a PostgreSQL server that an earlier run left behind in %s", directory)
        _require_free(self.port)
        self._password = self._home.admin_password()
        self._home.ensure_cluster(binaries, durable=self.durable)
        return binaries

    async def _launch(self, binaries: PostgresBinaries) -> None:
        """Start the server; the lock file of a server that is just going away is waited for."""
        deadline = time.monotonic() + LOCK_FILE_TIMEOUT_S
        while True:
            logged_before = await asyncio.to_thread(self._spawn, binaries)
            if await self._answers():
                return
            self._stop_guard()
            reason = await asyncio.to_thread(self._logged_since, logged_before)
            if "could not bind" in reason and "already in use" in reason:
                raise PortInUse(_port_message(self.port))
            if not re.search(r"lock file .* already exists|pre-existing shared memory", reason):
                raise PostgresDidNotStart(f"PostgreSQL did not start in {self.home}:\n{reason}")
            if time.monotonic() > deadline:
                raise DirectoryInUse(f"Another PostgreSQL server holds {self._home.cluster}:\n{reason}")
            await asyncio.sleep(0.3)

    def _spawn(self, binaries: PostgresBinaries) -> int:
        """Start the server and its guard; the length of the log before they wrote to it."""
        log_file = self._home.log
        too_long = log_file.exists() and log_file.stat().st_size > _LOG_LIMIT_BYTES
        with log_file.open("wb" if too_long else "ab") as log:
            logged_before = log.tell()
            self._server = self._account.start(self._command(binaries), output=log)
        self._account.own(log_file)
        self._guard = self._account.start(
            ["/bin/sh", "-c", _GUARD, "ez-postgres-guard", str(self._server.pid)], stdin=subprocess.PIPE
        )
        return logged_before

    def _command(self, binaries: PostgresBinaries) -> list[str | Path]:
        command: list[str | Path] = [binaries.postgres, "-D", self._home.cluster]
        for option in (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            f"max_connections={MAX_CONNECTIONS}",
            "password_encryption=scram-sha-256",
            "timezone=UTC",
            "log_timezone=UTC",
            "lc_messages=C",
            "logging_collector=off",
            *(() if self.durable else _MAY_LOSE_DATA),
        ):
            command += ["-c", option]
        return command

    async def _answers(self) -> bool:
        """Wait until the server takes our password; False when it ended instead."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while self.running:
            try:
                connection = await asyncpg.connect(self.admin_url, timeout=5, ssl=False)
            except asyncpg.InvalidPasswordError:
                raise PostgresDidNotStart(
                    f"PostgreSQL refuses the password kept in {self.home}. Restore admin.password there,"
                    f" or remove {self.home} to start with an empty database."
                ) from None
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
                if time.monotonic() > deadline:
                    raise PostgresDidNotStart(
                        f"PostgreSQL does not answer on 127.0.0.1:{self.port} after {START_TIMEOUT_S:.0f} s;"
                        f" its log is {self._home.log}"
                    ) from None
                await asyncio.sleep(0.03)
            else:
                await connection.close()
                return True
        return False

    def _logged_since(self, offset: int) -> str:
        with self._home.log.open("rb") as log:
            log.seek(offset)
            return log.read()[-4000:].decode(errors="replace").strip()

    def _stop(self) -> None:
        if self._server is not None and self._server.poll() is None:
            for step, patience in (
                (signal.SIGINT, STOP_TIMEOUT_S),
                (signal.SIGQUIT, 5.0),
                (signal.SIGKILL, 5.0),
            ):
                self._server.send_signal(step)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._server.wait(patience)
                    break
        self._server = None
        self._stop_guard()
        self._home.release()

    def _stop_guard(self) -> None:
        """End the guard before its pipe closes: by now the pid it watches may be somebody else's."""
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            self._guard = None


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortInUse(_port_message(port)) from None


def _port_message(port: int) -> str:
    return (
        f"Port {port} on 127.0.0.1 is taken by another program, and the embedded PostgreSQL needs it."
        " Stop that program, or choose another base port: make up PORT=9000"
    )
