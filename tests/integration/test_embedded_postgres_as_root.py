"""The embedded PostgreSQL started by root: it runs as nobody, in directories nobody may enter."""

import os
import shutil
from pathlib import Path

import pytest

from ez.embedded import postgres_account
from ez.embedded.postgres import EmbeddedPostgres
from ez.embedded.postgres_account import ServerAccount
from ez.embedded.postgres_binaries import find_binaries
from tests.integration.conftest import ask

as_root = pytest.mark.needs("root")


@as_root
async def test_root_runs_the_server_as_nobody(server: EmbeddedPostgres) -> None:
    status = Path(f"/proc/{server.pid}/status").read_text()
    assert "Uid:\t65534\t65534\t65534\t65534" in status
    groups = next(line for line in status.splitlines() if line.startswith("Groups:"))
    assert groups.split() in (["Groups:"], ["Groups:", "65534"])


@as_root
async def test_a_directory_below_a_closed_one_moves_to_the_same_stand_in_every_time(
    directory: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_account, "_SYSTEM_STATE", directory / "state")
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    homes = []
    for _ in range(2):
        async with EmbeddedPostgres(closed / "postgres", port, durable=False) as server:
            homes.append(server.home)
    assert homes[0] == homes[1]
    assert homes[0].parent == directory / "state"


@as_root
@pytest.mark.needs("movable-postgres")
async def test_programs_below_a_closed_directory_are_copied_to_where_the_server_reads_them(
    directory: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = directory / "closed"
    closed.mkdir(mode=0o700)
    original = find_binaries()
    for part in original.bundle:
        shutil.copytree(part, closed / part.name)
    monkeypatch.syspath_prepend(str(closed))
    assert find_binaries().bin_dir.is_relative_to(closed)
    async with EmbeddedPostgres(directory / "postgres", port, durable=False) as server:
        assert await ask(server, "SELECT 1") == 1
        program = Path(f"/proc/{server.pid}/exe").readlink()
        assert program.is_relative_to(server.home)


@as_root
def test_a_stand_in_prepared_by_another_user_is_refused(directory: Path) -> None:
    planted = directory / "planted"
    planted.mkdir()
    os.chown(planted, 12345, 12345)
    assert ServerAccount.for_this_process()._take(planted) == "belongs to another user"
