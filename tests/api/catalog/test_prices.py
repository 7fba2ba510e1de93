"""A price that Stripe would refuse is refused when staff type it."""

import pytest

from tests.api.catalog.conftest import Json, Shop


@pytest.mark.parametrize(
    ("price", "pointer", "words"),
    [
        ({"currency": "EUR", "amount_minor": 49}, "/amount_minor", "smallest amount that can be charged is €0.50"),
        ({"currency": "HUF", "amount_minor": 17_400}, "/amount_minor", "smallest amount that can be charged is HUF"),
        ({"currency": "ISK", "amount_minor": 99_950}, "/amount_minor", "have no decimals"),
        ({"currency": "KWD", "amount_minor": 1234}, "/amount_minor", "have two decimals"),
        (
            {"currency": "EUR", "amount_minor": 10**8},
            "/amount_minor",
            "largest amount that can be charged is €999,999",
        ),
        ({"currency": "XYZ", "amount_minor": 900}, "/currency", "XYZ is not a currency that can be charged"),
        ({"currency": "UGX", "amount_minor": 900, "setup_fee_minor": 50}, "/setup_fee_minor", "have no decimals"),
    ],
)
async def test_a_price_that_stripe_would_refuse_is_refused_with_the_rule_it_breaks(
    shop: Shop, price: Json, pointer: str, words: str
) -> None:
    plan = (await shop.client.get("/api/v1/plans/vps-m")).json()
    response = await shop.post(f"/api/v1/staff/plans/{plan['id']}/prices", {"interval": "month", **price}, shop.grace)
    problem = response.json()
    assert (response.status_code, problem["type"].rsplit("/", 1)[1]) == (422, "price-not-chargeable")
    [error] = problem["errors"]
    assert error["pointer"] == pointer
    assert words in error["detail"]
    assert problem["detail"] == error["detail"]
    assert (await shop.client.get("/api/v1/plans/vps-m")).json() == plan


async def test_a_price_in_a_currency_without_decimals_is_taken(shop: Shop) -> None:
    plan = (await shop.client.get("/api/v1/plans/vps-m")).json()
    for price in ({"currency": "JPY", "amount_minor": 50}, {"currency": "ISK", "amount_minor": 99_900}):
        path = f"/api/v1/staff/plans/{plan['id']}/prices"
        assert (await shop.post(path, {"interval": "month", **price}, shop.grace)).status_code == 200
