"""Support's worker as a process of its own, for tests that kill it: `python -m … <database url> <smtp port>`."""

import asyncio
import sys

from services.support.main import create_service
from shared.messaging import LocalBroker, LocalTransport
from tests.api.support.conftest import settings


async def main() -> None:
    """Runs until killed."""
    service = create_service(settings(sys.argv[1], int(sys.argv[2])), LocalTransport(LocalBroker()))
    await service.worker.run()


if __name__ == "__main__":
    asyncio.run(main())
