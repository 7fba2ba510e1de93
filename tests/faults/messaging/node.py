"""A RabbitMQ node that a test may kill, starve and restart, with its data kept in between."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.rabbitmq import OwnBroker


class Node(OwnBroker):
    """A node of our own whose process we know by its id."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._pid_file = directory / "pid"

    def kill(self) -> None:
        """SIGKILL: what was not on disk is gone."""
        assert self._process is not None
        for line in self._pid_file.read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(line), signal.SIGKILL)
        self._process.wait(10)

    def control(self, *arguments: str) -> str:
        """Runs `rabbitmqctl` against this node; what it printed."""
        binary = next(Path("/usr/lib/rabbitmq").glob("lib/*/sbin/rabbitmqctl"), Path("rabbitmqctl"))
        done = subprocess.run(
            [str(binary), "-q", "-n", self._environment["RABBITMQ_NODENAME"], *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def depth(self, queue: str) -> int:
        """How many messages a queue holds, delivered or not."""
        listed = self.control("list_queues", "--no-table-headers", "name", "messages")
        return next(int(line.split("\t")[1]) for line in listed.splitlines() if line.split("\t")[0] == queue)


@contextmanager
def running_node() -> Iterator[Node]:
    """A started node."""
    with tempfile.TemporaryDirectory(prefix="ez-node-", ignore_cleanup_errors=True) as directory:
        node = Node(Path(directory))
        node.start()
        try:
            yield node
        finally:
            with suppress(ProcessLookupError):
                node.stop()
