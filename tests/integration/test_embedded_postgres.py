"""The embedded PostgreSQL, started for real: what a newcomer's machine does to it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import asyncpg
import pytest

from ez.embedded import postgres_home
from ez.embedded.postgres import DirectoryInUse, EmbeddedPostgres, PortInUse, PostgresDidNotStart
from ez.embedded.postgres_account import ServerAccount
from ez.embedded.postgres_binaries import NoPostgresBinaries, find_binaries
from tests.integration.conftest import ask

PROJECT = Path(__file__).resolve().parents[2]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until_gone(pid: int, patience: float = 10.0) -> bool:
    deadline = time.monotonic() + patience
    while alive(pid) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return not alive(pid)


async def started_elsewhere(directory: Path, port: int) -> tuple[asyncio.subprocess.Process, int]:
    """Another Python process that starts a server and then waits; and that server's pid."""
    script = textwrap.dedent(f"""
        import asyncio, pathlib
        from ez.embedded.postgres import EmbeddedPostgres
        async def main():
            server = EmbeddedPostgres(pathlib.Path({str(directory)!r}), {port}, durable=False)
            await server.start()
            print(server.pid, flush=True)
            await asyncio.sleep(300)
        asyncio.run(main())
    """)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    return parent, int(await asyncio.wait_for(parent.stdout.readline(), 60))


async def test_a_new_directory_becomes_a_database_that_asks_for_a_password(server: EmbeddedPostgres) -> None:
    assert await ask(server, "SHOW server_encoding") == "UTF8"
    assert await ask(server, "SHOW max_connections") == "150"
    assert await ask(server, "SHOW listen_addresses") == "127.0.0.1"
    assert await ask(server, "SELECT lower('ÄÖ')") == "äö"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.admin_url.replace(server._password, "guess"))


async def test_the_password_file_is_closed_to_others(server: EmbeddedPostgres) -> None:
    assert (server.home / "admin.password").stat().st_mode & 0o777 == 0o600
    assert server.home.stat().st_mode & 0o777 == 0o700


async def test_a_restart_keeps_the_data_and_the_password(server: EmbeddedPostgres) -> None:
    await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    address = server.admin_url
    await server.stop()
    assert not server.running
    await server.start()
    assert server.admin_url == address
    assert await ask(server, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
async def test_only_a_server_whose_data_may_die_skips_fsync(
    directory: Path, port: int, durable: bool, fsync: str
) -> None:
    async with EmbeddedPostgres(directory / "postgres", port, durable=durable) as server:
        assert await ask(server, "SHOW fsync") == fsync


async def test_a_killed_postmaster_starts_again_with_its_data(directory: Path, port: int) -> None:
    async with EmbeddedPostgres(directory / "postgres", port, durable=True) as server:
        await ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        busy = await asyncpg.connect(server.admin_url)
        postmaster = server.pid
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        assert await until_gone(postmaster)
        await server.start()
        assert await ask(server, "SELECT answer FROM kept") == 42
        busy.terminate()


async def test_a_lock_file_naming_an_unrelated_living_process_does_not_stop_a_start(server: EmbeddedPostgres) -> None:
    await server.stop()
    stranger = ServerAccount.for_this_process().start(["/bin/sleep", "60"])
    try:
        lock_file = server.home / "cluster" / "postmaster.pid"
        lock_file.write_text(f"{stranger.pid}\n{server.home / 'cluster'}\n1\n{server.port}\n\n127.0.0.1\n")
        lock_file.chmod(0o644)
        await server.start()
        assert await ask(server, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_the_server_ends_with_its_killed_starter(directory: Path, port: int) -> None:
    parent, postmaster = await started_elsewhere(directory / "postgres", port)
    parent.kill()
    await parent.wait()
    assert await until_gone(postmaster)


async def test_an_orphan_whose_guard_was_killed_too_is_ended_by_the_next_start(directory: Path, port: int) -> None:
    parent, postmaster = await started_elsewhere(directory / "postgres", port)
    guards = await asyncio.to_thread(
        subprocess.run, ["grep", "-l", "ez-postgres-guard", *guard_files(postmaster)], capture_output=True, text=True
    )
    for path in guards.stdout.split():
        os.kill(int(path.split("/")[2]), signal.SIGKILL)
    parent.kill()
    await parent.wait()
    await asyncio.sleep(0.5)
    assert alive(postmaster), "the orphan this test is about was never there"
    async with EmbeddedPostgres(directory / "postgres", port, durable=False) as server:
        assert not alive(postmaster)
        assert await ask(server, "SELECT 1") == 1


def guard_files(postmaster: int) -> list[str]:
    """The command lines of processes that watch ``postmaster``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"ez-postgres-guard" in words and str(postmaster).encode() in words:
            found.append(str(path))
    return found


async def test_a_second_start_on_the_same_directory_names_the_process_that_has_it(
    server: EmbeddedPostgres, directory: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other_port = int(probe.getsockname()[1])
    second = EmbeddedPostgres(directory / "postgres", other_port, durable=False)
    with pytest.raises(DirectoryInUse, match=str(os.getpid())):
        await second.start()
    assert await ask(server, "SELECT 1") == 1


async def test_two_directories_are_two_servers(server: EmbeddedPostgres, directory: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other_port = int(probe.getsockname()[1])
    async with EmbeddedPostgres(directory / "other", other_port, durable=False) as other:
        await ask(server, "CREATE DATABASE only_here")
        assert await ask(other, "SELECT count(*) FROM pg_database WHERE datname = 'only_here'") == 0


async def test_a_busy_port_is_one_message_that_says_what_to_do(directory: Path, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(PortInUse, match=rf"Port {port} .* taken .* make up PORT="):
            await EmbeddedPostgres(directory / "postgres", port).start()
    assert not (directory / "postgres" / "cluster").exists(), "it is said before anything is created"


async def test_a_port_taken_at_the_last_moment_is_the_same_message(
    directory: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ez.embedded.postgres._require_free", lambda port: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(PortInUse, match="make up PORT="):
            await EmbeddedPostgres(directory / "postgres", port, durable=False).start()


async def test_a_cluster_without_its_password_is_refused_with_advice(server: EmbeddedPostgres) -> None:
    await server.stop()
    (server.home / "admin.password").unlink()
    with pytest.raises(PostgresDidNotStart, match=r"admin\.password is missing"):
        await server.start()


async def test_a_cluster_of_another_major_version_is_refused_with_advice(server: EmbeddedPostgres) -> None:
    await server.stop()
    (server.home / "cluster" / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresDidNotStart, match="made by PostgreSQL 14"):
        await server.start()


async def test_a_failed_initdb_leaves_no_half_cluster(
    directory: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_home, "ADMIN", "pg_reserved")
    server = EmbeddedPostgres(directory / "postgres", port, durable=False)
    with pytest.raises(PostgresDidNotStart, match="initdb failed"):
        await server.start()
    assert not (server.home / "cluster").exists()


def test_a_wrong_binary_directory_is_never_replaced_silently(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EZ_PG_BINDIR", str(directory))
    with pytest.raises(NoPostgresBinaries, match="EZ_PG_BINDIR"):
        find_binaries()


def test_the_chosen_binary_directory_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_binaries()
    monkeypatch.setenv("EZ_PG_BINDIR", str(found.bin_dir))
    assert find_binaries().bin_dir == found.bin_dir
    assert found.major >= 15
