"""A product type is a module: postcards are sold without a change of the product, by one setting.

What only the catalogue's half can show; provisioning's half and the journey through all of it stand beside it.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import text, update

from services.catalog.domain import Price
from services.catalog.settings import CatalogSettings
from shared.contracts.catalog import EntitlementGranted
from shared.testing import FrozenClock
from tests.api.catalog.conftest import Json, Shop, catalog_settings, clock, empty_shop, opened

__all__ = ["catalog_settings", "clock", "empty_shop"]

CARD: Json = {"recipient": "Ada Lovelace", "text": "Greetings\nfrom the engine", "motif": "lighthouse"}
THREE: Json = {"plan": "postcard-classic", "interval": "month", "quantity": 3, "configuration": CARD}


@pytest_asyncio.fixture
async def with_postcards(catalog_settings: CatalogSettings, clock: FrozenClock) -> AsyncIterator[Shop]:
    """Catalog as it is shipped, with one more name in its setting."""
    settings = catalog_settings.model_copy(update={"product_types": "vps,tests.seams.postcard"})
    async with opened(settings, clock) as shop:
        yield shop


@pytest_asyncio.fixture
async def shop(with_postcards: Shop) -> Shop:
    """A shop that sells servers and postcards."""
    await with_postcards.seed()
    async with with_postcards.database.work() as work:
        known = {"stripe_product_id": "prod_1", "stripe_price_id": "price_1", "synced_version": 2}
        await work.session.execute(update(Price).values(**known))
    return with_postcards


async def test_three_postcards_are_configured_quoted_ordered_paid_for_and_granted_apart(shop: Shop) -> None:
    quote = (await shop.client.post("/api/v1/quotes", json={"currency": "EUR", "items": [THREE]})).json()
    assert (quote["lines"][0]["name"], quote["due_now"]["amount_minor"]) == ("Ada Lovelace", 900)
    placed = await shop.placed(THREE, {"plan": "vps-s", "interval": "year"})
    assert placed["total"]["amount_minor"] == 900 + 5000
    assert placed["items"][0]["configuration"] == CARD
    assert {line["label"]: line["value"] for line in placed["items"][0]["configured"]}["Motif"] == "A lighthouse"
    await shop.post(f"/api/v1/orders/{placed['id']}/checkout")
    (asked,) = shop.billing.asked
    assert asked["lines"][0]["description"] == "Classic postcard to Ada Lovelace"
    await shop.hear(shop.paid(placed))
    cards = [fact for fact in await shop.published(EntitlementGranted) if fact.product_type == "postcard"]
    assert [fact.name for fact in cards] == [f"Ada Lovelace, card {number} of 3" for number in (1, 2, 3)]
    assert [fact.configuration for fact in cards] == [CARD | {"card": number} for number in (1, 2, 3)]
    assert (cards[0].spec, cards[0].hostname, cards[0].template) == ({"millimetres": "105 x 148"}, "", "")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"configuration": {"recipient": "Ada", "motif": "mountain"}}, "/items/0/configuration/text"),
        ({"configuration": CARD | {"stamp": "gold"}}, "/items/0/configuration/stamp"),
        ({"configuration": CARD | {"recipient": "Ada\nLovelace"}}, "/items/0/configuration/recipient"),
        ({"hostname": "web"}, "/items/0/hostname"),
        ({"quantity": 4}, "/items/0/quantity"),
        ({"interval": "week"}, "/items/0/interval"),
    ],
    ids=str,
)
async def test_a_postcard_nobody_can_send_is_refused(shop: Shop, changes: Json, pointer: str) -> None:
    response = await shop.order(THREE | changes)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_an_order_is_read_paid_and_granted_though_its_type_is_not_loaded_any_more(
    empty_shop: Shop, with_postcards: Shop
) -> None:
    await with_postcards.seed()
    async with with_postcards.database.work() as work:
        await work.session.execute(text("UPDATE prices SET stripe_price_id = 'price_1', synced_version = 2"))
    placed = await with_postcards.placed(THREE)
    without = empty_shop
    assert (await without.client.get("/api/v1/plans/postcard-classic")).status_code == 404
    assert (await without.order(THREE)).status_code == 422
    await without.hear(without.paid(placed, account_id=with_postcards.ada.account_id))
    order = await without.read(placed)
    assert order["entitlements"][0]["name"] == "Ada Lovelace, card 1 of 3"
    listed = (await without.get("/api/v1/staff/plans?limit=100", without.grace)).json()["data"]
    assert "postcard" in {plan["product_type"] for plan in listed}
