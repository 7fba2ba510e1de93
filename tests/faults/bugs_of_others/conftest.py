"""The services as other tests run them; each test chooses those its story needs."""

import pytest_asyncio
from sqlalchemy import update

from services.catalog.domain import Price
from tests.api.billing.conftest import sandbox, shop
from tests.api.catalog.conftest import Shop, catalog_settings, clock, empty_shop
from tests.api.provisioning.conftest import provisioning
from tests.api.support.conftest import inbox, support
from tests.support.embedded import embedded

__all__ = [
    "catalog_settings",
    "clock",
    "embedded",
    "empty_shop",
    "inbox",
    "provisioning",
    "sandbox",
    "shop",
    "support",
]


@pytest_asyncio.fixture
async def catalog(empty_shop: Shop) -> Shop:
    """Catalog with the seeded plans, all of their prices known to Stripe; `shop` is billing's."""
    await empty_shop.seed()
    async with empty_shop.database.work() as work:
        known = {"stripe_product_id": "prod_1", "stripe_price_id": "price_1", "synced_version": 2}
        await work.session.execute(update(Price).values(**known))
    return empty_shop
