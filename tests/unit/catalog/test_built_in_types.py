"""What each built-in product type takes, refuses and calls things; and which types are loaded."""

import pytest

from services.catalog.domain.order_numbers import draw_number, number_in
from services.catalog.product_types import load_types
from services.catalog.product_types.base import BadConfiguration
from shared.contracts.intervals import INTERVALS

TYPES = load_types("vps,hosting,domain,certificate")
OPTIONS = {"template": [{"value": "debian-13", "label": "Debian 13"}, {"value": "debian-12", "label": "Debian 12"}]}
REGIONS = OPTIONS | {"region": [{"value": "fra", "label": "Frankfurt"}, {"value": "hel", "label": "Helsinki"}]}


def test_types_are_loaded_in_the_order_of_the_setting() -> None:
    assert list(load_types(" domain , vps")) == ["domain", "vps"]
    with pytest.raises(ValueError, match="no product type car"):
        load_types("vps,car")
    with pytest.raises(ValueError, match="no package"):
        load_types("tests.nowhere")
    with pytest.raises(ValueError, match="no TYPE"):
        load_types("base")


def test_every_type_renews_at_known_intervals() -> None:
    assert all(set(product_type.intervals) <= set(INTERVALS) for product_type in TYPES.values())


def test_several_servers_are_told_apart_by_numbers_in_their_host_names() -> None:
    vps = TYPES["vps"]
    configured = vps.configured({"hostname": "Web.Example.com"}, OPTIONS, quantity=3)
    units = vps.told_apart(configured, 3)
    assert [unit.name for unit in units] == ["web-1.example.com", "web-2.example.com", "web-3.example.com"]
    assert [unit.configuration["hostname"] for unit in units] == [unit.name for unit in units]


def test_a_region_is_asked_for_where_there_is_a_choice() -> None:
    vps = TYPES["vps"]
    assert "region" not in [field.key for field in vps.fields(OPTIONS)]
    configuration = vps.configured({}, REGIONS).configuration
    assert configuration["region"] == "fra"
    words = {line.key: line.value for line in vps.in_words({**configuration, "region": "hel"}, REGIONS)}
    assert words["region"] == "Helsinki"


def test_a_server_nobody_could_enter_is_advised_against() -> None:
    vps = TYPES["vps"]
    assert [hint.pointer for hint in vps.advice({"hostname": "web"})] == ["ssh_keys"]
    assert vps.advice({"root_password": True}) == vps.advice({"ssh_keys": ["ssh-ed25519 …"]}) == []


def test_a_disk_does_not_shrink() -> None:
    assert TYPES["vps"].change_refused({"disk_gb": 80}, {"disk_gb": 40})
    assert TYPES["vps"].change_refused({"disk_gb": 40}, {"disk_gb": 80}) is None


@pytest.mark.parametrize(
    ("code", "given", "name"),
    [
        ("domain", {"name": "Example.COM"}, "example.com"),
        ("hosting", {"domain": "Example.org"}, "example.org"),
        ("certificate", {"name": "www.example.com"}, "www.example.com"),
    ],
)
def test_what_stands_for_one_name_is_ordered_one_at_a_time(code: str, given: dict[str, str], name: str) -> None:
    product_type = TYPES[code]
    assert product_type.configured(given, {}).name == name
    assert product_type.quantity_error(1) is None
    assert "one at a time" in str(product_type.quantity_error(3))
    for wrong in ({}, {next(iter(given)): ""}, {next(iter(given)): "localhost"}, {next(iter(given)): "no name"}):
        with pytest.raises(BadConfiguration):
            product_type.configured(wrong, {})


def test_a_domain_lies_under_the_ending_its_plan_registers() -> None:
    domain = TYPES["domain"]
    assert domain.configured({"name": "example.com"}, {}, spec={"tld": "com"}).name == "example.com"
    for wrong in ("example.net", "www.example.com"):
        with pytest.raises(BadConfiguration, match=r"under \.com"):
            domain.configured({"name": wrong}, {}, spec={"tld": "com"})


def test_order_numbers_are_read_as_people_type_them() -> None:
    assert number_in("ez-7k3m9qx") == ("EZ-7K3M9QX", True)
    assert number_in("EZ7K3MOQL") == ("EZ-7K3M0Q1", True)
    assert number_in("ez-100001") == number_in("100001") == ("EZ-100001", True)
    assert number_in("7K3M9QX") == ("EZ-7K3M9QX", False)
    for text in ("web", "web.example.com", "ez-", "ez-7k3m", "", "%"):
        assert number_in(text) is None
    drawn = {draw_number() for _ in range(200)}
    assert len(drawn) == 200
    assert all(number_in(number) == (number, True) for number in drawn)
