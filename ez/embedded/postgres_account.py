"""The operating-system account that runs PostgreSQL, and the directory it can reach.

PostgreSQL refuses to run as root. When we are root (a container, a fresh virtual machine), the server runs as
``nobody``; that account must be able to enter every parent of its directory, which it cannot below ``/root``.
"""

import hashlib
import os
import pwd
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_SYSTEM_STATE = Path("/var/lib/ez-solutions")
_TEMPORARY_STATE = Path("/tmp")  # noqa: S108 - ownership is verified before it is used

# Messages are parsed, so they must be English; nothing of the caller's PG* or LD_* variables may leak in.
_ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class UnusableDirectory(RuntimeError):
    """No directory can be given to the PostgreSQL account; the message says which were tried."""


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """Who runs the server: ourselves (no ids), or another account when we are root."""

    name: str | None = None
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_this_process(cls) -> "ServerAccount":
        """Ourselves, or ``nobody`` when we are root."""
        if os.geteuid() != 0:
            return cls()
        entry = pwd.getpwnam("nobody")
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)

    def start(
        self,
        command: Sequence[str | Path],
        *,
        stdin: int = subprocess.DEVNULL,
        output: IO[bytes] | int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start ``command`` as this account, in a session of its own: a terminal's Ctrl+C must pass it by."""
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def run(self, command: Sequence[str | Path], *, timeout: float = 60.0) -> tuple[int, str]:
        """Run ``command`` to its end as this account: its exit code and everything it printed."""
        process = self.start(command, output=subprocess.PIPE)
        try:
            printed, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
        return process.returncode, printed.decode(errors="replace")

    def can_execute(self, program: Path) -> bool:
        """Whether this account reaches ``program`` and its libraries."""
        try:
            return self.run([program, "--version"])[0] == 0
        except OSError:
            return False

    def own(self, path: Path) -> None:
        """Hand ``path`` itself to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def home(self, wanted: Path) -> tuple[Path, str | None]:
        """A directory this account owns and can enter: ``wanted``, or a stand-in and the reason for it.

        The stand-in's name is derived from ``wanted``, so the next start finds the same data. Raises
        UnusableDirectory when no directory will do.
        """
        digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:16]
        candidates = [wanted]
        if self.uid is not None:
            candidates += [_SYSTEM_STATE / digest, _TEMPORARY_STATE / f"ez-{digest}"]
        refused: list[str] = []
        for directory in candidates:
            problem = self._take(directory)
            if problem is None:
                return directory, "; ".join(refused) or None
            refused.append(f"{directory}: {problem}")
        raise UnusableDirectory("No directory for PostgreSQL's data can be used. " + "; ".join(refused))

    def _take(self, directory: Path) -> str | None:
        """Create ``directory`` for this account; the reason why not, when it cannot be used."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            found = directory.lstat()
            allowed = {os.geteuid(), os.geteuid() if self.uid is None else self.uid}
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
                return "belongs to another user"
            self.own(directory)
            directory.chmod(0o700)
            entered, _ = self.run(["/bin/sh", "-c", 'cd -- "$1" && test -w .', "sh", directory])
        except OSError as error:
            return error.strerror or str(error)
        return None if entered == 0 else f"PostgreSQL runs as {self.name or 'you'} and cannot enter it"
