"""The catalogue of a new installation adds up."""

from collections import Counter

from services.catalog.product_types import load_types
from services.catalog.product_types.vps import OS_TEMPLATES
from shared.contracts.intervals import INTERVALS

TYPES = load_types("vps,hosting,domain,certificate")
PLANS = [(product_type, seed) for product_type in TYPES.values() for seed in product_type.seeds]


def test_codes_are_unique_and_fit_a_url() -> None:
    codes = Counter(seed.code for _, seed in PLANS)
    assert max(codes.values()) == 1
    assert all(code.replace("-", "").isalnum() and code == code.lower() for code in codes)


def test_every_kind_of_product_is_there_and_only_servers_are_open() -> None:
    kinds = Counter(product_type.code for product_type, _ in PLANS)
    assert kinds == {"vps": 4, "hosting": 3, "domain": 5, "certificate": 2}
    assert {product_type.code for product_type, seed in PLANS if seed.availability == "open"} == {"vps"}


def test_a_year_costs_ten_months_and_domains_are_yearly_only() -> None:
    for product_type, seed in PLANS:
        prices = {(currency, interval): amount for currency, interval, amount, _fee in seed.prices()}
        assert {currency for currency, _ in prices} == {"EUR", "USD"}
        assert {interval for _, interval in prices} <= set(INTERVALS) & set(product_type.intervals)
        for currency in ("EUR", "USD"):
            if product_type.code == "domain":
                assert (currency, "month") not in prices
            else:
                assert prices[currency, "year"] == 10 * prices[currency, "month"]
        assert all(amount > 0 for amount in prices.values())


def test_servers_say_what_they_are_made_of() -> None:
    for seed in TYPES["vps"].seeds:
        assert set(seed.spec) == {"cores", "memory_mb", "disk_gb", "transfer_tb"}
        assert seed.options == {"template": OS_TEMPLATES}
        assert [line.key for line in TYPES["vps"].summary(seed.spec)] == list(seed.spec)
    assert any(fee for _, seed in PLANS for *_, fee in seed.prices())
