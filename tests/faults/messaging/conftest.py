"""A broker that may be broken, and a publisher and a listener beside it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.faults.messaging.amqp_proxy import AmqpProxy
from tests.faults.messaging.node import Node, running_node
from tests.faults.messaging.parts import Post
from tests.support.database import TestDatabase


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """A RabbitMQ node for these tests alone."""
    with running_node() as started:
        yield started


@pytest_asyncio.fixture
async def post(fresh_database: TestDatabase, node: Node) -> AsyncIterator[Post]:
    """Identity and support over an empty database and a queue of their own."""
    parts = Post(fresh_database, node.url)
    yield parts
    await parts.close()


@pytest_asyncio.fixture
async def proxy(node: Node) -> AsyncIterator[AmqpProxy]:
    """Stands in front of the node and spoils what passes."""
    async with AmqpProxy(node.port) as between:
        yield between
