"""The shape of the house: the same rooms everywhere, nothing too long, no row that belongs to nobody."""

import ast
from pathlib import Path

import pytest

from shared.contracts import EVENTS, SUBSCRIPTIONS, context_of, topology

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "billing", "catalog", "provisioning", "support")
ROOMS = ("main", "settings", "api", "consumers", "jobs", "use_cases", "queries", "domain", "adapters", "migrations")
SHIPPED = ("ez", "services", "gateway", "shared", "sandbox")
LONGEST_FILE = 400
REFUSED_NAMES = ("utils", "helpers", "common", "misc")


def _files() -> list[Path]:
    return [
        path
        for package in SHIPPED
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts and "node_modules" not in path.parts
    ]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("room", ROOMS)
def test_every_service_has_every_room(service: str, room: str) -> None:
    home = ROOT / "services" / service
    assert (home / f"{room}.py").exists() or (home / room).is_dir()


def test_no_service_has_a_room_of_its_own_invention() -> None:
    known = {*ROOMS, "__init__", "__pycache__"}
    for service in SERVICES:
        found = {path.stem for path in (ROOT / "services" / service).iterdir()}
        assert found <= known, f"{service}: {found - known}"


def test_files_stay_readable() -> None:
    too_long = {
        str(path.relative_to(ROOT)): n for path in _files() if (n := len(path.read_text().splitlines())) > LONGEST_FILE
    }
    assert not too_long


def test_no_file_is_called_utils() -> None:
    assert not [path for path in _files() if path.stem in REFUSED_NAMES]


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in _files() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_every_fact_has_somebody_who_listens() -> None:
    heard = {wire_type for types in topology().values() for wire_type in types}
    assert set(EVENTS) == heard


def test_every_fact_is_named_after_its_publisher() -> None:
    for wire_type, event in EVENTS.items():
        assert event.__module__ == f"shared.contracts.{context_of(wire_type)}"
        assert wire_type.count(".") == 3
        assert event.subject_field in event.model_fields


def test_no_fact_carries_a_secret() -> None:
    forbidden = ("password", "token", "secret", "card", "link")
    for event in EVENTS.values():
        assert not [name for name in event.model_fields if any(word in name for word in forbidden)], event.__name__


def test_no_context_listens_to_itself() -> None:
    for consumer, events in SUBSCRIPTIONS.items():
        assert not [event for event in events if context_of(event.wire_type) == consumer]
