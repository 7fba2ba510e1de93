"""Runs the peer: gunicorn and Celery over the lab's own PostgreSQL and RabbitMQ."""

import asyncio
import contextlib
import os
import subprocess
from pathlib import Path

import aio_pika
import aio_pika.exceptions
import asyncpg

from bench.lab import Lab
from bench.processes import Process
from bench.tools import peer_environment
from tests.support.database import free_port

_DIRECTORY = Path(__file__).parent / "peers" / "django_celery"
_QUEUE = "peer"
SECRET = "whsec_of_the_peer_0123456789abcdef"
# Both ways people run Django behind gunicorn; the bench tries both and measures beside the faster.
THREADS = "2 workers of 4 threads, pooled"
WEB = {
    "3 sync workers": ("-k", "sync", "-w", "3"),
    THREADS: ("-k", "gthread", "-w", "2", "--threads", "4", "--keep-alive", "30"),
}
POOLED = {THREADS: "4"}


class DjangoPeer:
    """The peer with an empty, migrated database."""

    def __init__(self, lab: Lab, database_url: str) -> None:
        self._lab = lab
        self._bin = peer_environment() / "bin"
        self.database_url = database_url
        self.port = free_port()
        self._environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "shop.settings",
            "PYTHONPATH": str(_DIRECTORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PEER_DATABASE_URL": database_url,
            "PEER_BROKER_URL": lab.broker.url,
            "PEER_WEBHOOK_SECRET": SECRET,
        }

    @classmethod
    async def create(cls, lab: Lab) -> "DjangoPeer":
        """A peer in a fresh database."""
        peer = cls(lab, await lab.database("peer"))
        await asyncio.to_thread(peer._migrate)
        return peer

    def _migrate(self) -> None:
        command = [str(self._bin / "python"), "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=_DIRECTORY, env=self._environment, check=True, timeout=60)

    async def serve(self, web: str) -> Process:
        """Starts gunicorn in one of the ways of WEB and waits until it answers."""
        command = [str(self._bin / "gunicorn"), "shop.wsgi", "-b", f"127.0.0.1:{self.port}", *WEB[web]]
        pool = {"PEER_POOL": POOLED[web]} if web in POOLED else {}
        process = self._lab.start(
            "peer-web", [*command, "--no-control-socket"], environment=self._environment | pool, cwd=_DIRECTORY
        )
        await self._lab.ready(process, f"http://127.0.0.1:{self.port}/live")
        return process

    def work(self, processes: int) -> Process:
        """Starts a Celery worker with so many processes."""
        options = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--concurrency", str(processes)]
        return self._lab.start(
            "peer-worker",
            [str(self._bin / "celery"), "-A", "shop", "worker", *options],
            environment=self._environment,
            cwd=_DIRECTORY,
        )

    async def empty(self) -> None:
        """Forgets every event, mirror and queued task."""
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute("TRUNCATE hooks_stripeevent, hooks_mirror")
        finally:
            await connection.close()
        async with await aio_pika.connect(self._lab.broker.url) as broker:
            channel = await broker.channel()
            # Purged, not deleted: running producers have declared it once and would publish into nothing.
            with contextlib.suppress(aio_pika.exceptions.ChannelNotFoundEntity):
                await (await channel.declare_queue(_QUEUE, passive=True)).purge()
