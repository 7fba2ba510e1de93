"""Where an embedded instance listens: within fifty ports of the one its owner chose, nobody on another's.

That the processes of a running one listen there and nowhere else shows tests/e2e/test_journey.py.
"""

from urllib.parse import urlsplit

import pytest

from ez.embedded.environment import OFFSETS, SERVICES, build_environment, ports_from
from ez.embedded.secrets import fresh

WIDTH = 50
ADMIN = "postgresql://postgres@127.0.0.1:{port}/ez"


@pytest.mark.parametrize("base", [1024, 8000, 65535 - (WIDTH - 1)])
def test_everything_listens_within_fifty_ports_of_the_gateway(base: int) -> None:
    ports = ports_from(base)
    assert ports["gateway"] == base
    assert set(ports.values()) <= set(range(base, base + WIDTH))


def test_no_two_share_a_port_and_every_service_has_one() -> None:
    assert len(set(OFFSETS.values())) == len(OFFSETS)
    assert set(SERVICES) < set(OFFSETS)


def test_instances_fifty_ports_apart_have_none_in_common() -> None:
    assert not set(ports_from(8000).values()) & set(ports_from(8000 + WIDTH).values())


def test_no_address_in_the_environment_leads_out_of_the_fifty_ports() -> None:
    ports = ports_from(8000)
    values = build_environment(ports, fresh(), ADMIN.format(port=ports["postgres"])).values()
    named = {port for value in values if "://" in value and (port := urlsplit(value).port) is not None}
    assert named
    assert named <= set(ports.values())
