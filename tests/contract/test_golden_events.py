"""What was published once is read for ever: payloads of every event version as older code put them on the wire.

They are written by `tests/support/golden_events.py` from what the code publishes, and never edited afterwards.
"""

from pathlib import Path

import orjson
import pytest

from shared.contracts import EVENTS, topology
from shared.messaging import decode
from tests.support.golden_events import kept, wire_type_of

# What nobody listens to is not published: the broker would give it back.
HEARD = sorted({wire_type for types in topology().values() for wire_type in types})


@pytest.mark.parametrize("wire_type", HEARD)
def test_every_event_version_that_somebody_hears_has_a_kept_payload(wire_type: str) -> None:
    assert wire_type in {wire_type_of(path) for path in kept()}, "keep one: see tests/support/golden_events.py"


@pytest.mark.parametrize("path", kept(), ids=lambda path: path.stem)
def test_a_kept_payload_is_still_read_into_its_class_and_nothing_of_it_is_lost(path: Path) -> None:
    body = path.read_bytes()
    envelope = decode(body)
    event = envelope.event()
    assert type(event) is EVENTS[wire_type_of(path)]
    assert event.subject == envelope.subject
    said = orjson.loads(body)["data"]
    understood = event.model_dump(mode="json")
    assert {name: understood.get(name) for name in said} == said
