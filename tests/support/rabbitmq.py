"""A real RabbitMQ for tests: the one that answers, else one of our own where the server is installed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import aio_pika
import pytest

from tests.support.database import free_port
from tests.support.processes import children_of, signal_all

_DEFAULT = "amqp://guest:guest@127.0.0.1:5672/"
_PATIENCE = 60.0


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def installed() -> bool:
    """Whether a node of our own can be started."""
    return bool(shutil.which("rabbitmq-server")) or Path("/usr/lib/rabbitmq").exists()


def reachable() -> bool:
    """Whether tests can have a broker, whosever it is."""
    return bool(os.environ.get("EZ_TEST_BROKER_URL")) or _answers(5672) or installed()


async def delete_queues(url: str, queues: Iterable[str]) -> None:
    """Leaves a broker as it was found."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        for queue in queues:
            await channel.queue_delete(queue)


class OwnBroker:
    """A RabbitMQ node of our own on spare ports, with its data in a directory that is thrown away."""

    def __init__(self, directory: Path) -> None:
        self.port, self._dist = free_port(), free_port()
        name = f"ez{self.port}@localhost"
        self._environment = os.environ | {
            "HOME": str(directory),
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(self._dist),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(directory / "none"),
            "RABBITMQ_SERVER_START_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP": str(directory / "erl_crash.dump"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its amqp:// address."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Starts the node and waits until it takes connections."""
        binary = next(Path("/usr/lib/rabbitmq").glob("lib/*/sbin/rabbitmq-server"), None)
        self._process = subprocess.Popen(
            [str(binary or "rabbitmq-server")],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _PATIENCE
        while not _answers(self.port):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("RabbitMQ did not start")
            time.sleep(0.2)

    def pids(self) -> list[int]:
        """The node's own process: the Erlang machine below the script that starts it."""
        return children_of(self._process.pid) if self._process is not None else []

    def kill(self) -> None:
        """SIGKILL, as a machine that loses power; `start` begins again on the same data."""
        signal_all(self.pids(), signal.SIGKILL)
        if self._process is not None:
            self._process.wait(30)

    def stop(self) -> None:
        """Ends the node."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """The address of a RabbitMQ that answers."""
    given = os.environ.get("EZ_TEST_BROKER_URL")
    if given or _answers(5672):
        yield given or _DEFAULT
        return
    with tempfile.TemporaryDirectory(prefix="ez-rabbit-", ignore_cleanup_errors=True) as directory:
        broker = OwnBroker(Path(directory))
        broker.start()
        try:
            yield broker.url
        finally:
            broker.stop()
