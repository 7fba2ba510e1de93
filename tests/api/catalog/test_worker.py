"""Catalog's worker on a bus: the catalogue reaches billing, and billing's answer opens the shop."""

import asyncio
import contextlib

from services.catalog.main import create_service
from services.catalog.settings import CatalogSettings
from shared.contracts.billing import PriceSynced
from shared.contracts.catalog import PlanPublished
from shared.kernel import SystemClock
from shared.kernel.ids import uuid7
from shared.messaging import LocalBroker, LocalTransport, Message, decode, encode
from shared.testing import eventually
from tests.api.catalog.conftest import Shop


async def test_a_seeded_catalogue_can_be_ordered_once_billing_has_answered(
    empty_shop: Shop, catalog_settings: CatalogSettings
) -> None:
    broker = LocalBroker()
    billing = LocalTransport(broker)
    heard: list[str] = []

    async def as_billing(message: Message) -> None:
        fact = decode(message.body).event()
        if not isinstance(fact, PlanPublished):
            return
        heard.append(fact.code)
        for price in fact.prices:
            answer = PriceSynced(
                price_id=price.price_id,
                plan_id=fact.plan_id,
                plan_version=fact.version,
                stripe_product_id="prod_1",
                stripe_price_id=f"price_{price.price_id}",
            )
            identity = uuid7()
            body = encode(answer, identity, SystemClock().now(), message.trace)
            assert await billing.publish([Message(str(identity), answer.wire_type, body)]) == [None]

    service = create_service(catalog_settings, LocalTransport(broker))
    working = asyncio.create_task(service.worker.run())
    try:
        await eventually(lambda: asyncio.sleep(0, "catalog" in broker.receivers), what="catalog listens")
        await billing.start()
        await billing.subscribe("billing", as_billing)
        await empty_shop.seed()

        async def ordered() -> bool:
            return bool((await empty_shop.order()).status_code == 201)

        await eventually(ordered, what="a server can be ordered")
        await eventually(lambda: asyncio.sleep(0, len(heard) == 14), what="billing knows every plan")
        assert len(set(heard)) == 14
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        await service.database.close()
