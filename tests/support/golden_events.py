"""Keeps what the code publishes today, for every event version of which nothing is kept yet (a pytest plugin).

    pytest -p tests.support.golden_events tests/api/billing tests/api/catalog tests/api/identity tests/api/provisioning

A kept payload is never edited: facts like it lie in outboxes and on queues, and must still be read (see
tests/contract/test_golden_events.py). A field that may be missing deserves a file of its own: `<type>.<what>.json`.
"""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from shared.contracts.base import Event
from shared.messaging import encode, outbox

DIRECTORY = Path(__file__).parents[1] / "contract" / "events"


def wire_type_of(path: Path) -> str:
    """`billing.checkout.paid.v1` for `billing.checkout.paid.v1.json` and `billing.checkout.paid.v1.what.json`."""
    return ".".join(path.name.split(".")[:4])


def kept() -> list[Path]:
    """Every kept payload."""
    return sorted(DIRECTORY.glob("*.json"))


def _keep(event: Event, event_id: UUID, at: datetime, traceparent: str | None) -> bytes:
    body = encode(event, event_id, at, traceparent)
    if event.wire_type not in {wire_type_of(path) for path in kept()}:
        text = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        (DIRECTORY / f"{event.wire_type}.json").write_bytes(text)
    return body


@pytest.fixture(autouse=True, scope="session")
def keep_what_is_published() -> None:
    """Every outbox of this run writes through `_keep`."""
    outbox.encode = _keep  # type: ignore[attr-defined]  # the name the module imported
