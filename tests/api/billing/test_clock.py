"""Staff move an account's time: Stripe's clock first, then ours, told to every service with timers."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
from pydantic import ValidationError
from sqlalchemy import text

from services.billing.adapters.payments import PaymentProvider, ProviderFailure
from services.billing.domain import Payer
from services.billing.main import create_service
from shared.contracts.billing import ClockMoved
from shared.database import Database, FailureClass
from shared.kernel import encode_id, new_id
from shared.messaging import LocalBroker, LocalTransport, decode
from shared.testing import FrozenClock
from tests.api.billing.conftest import settings
from tests.support.callers import bearer, customer, staff
from tests.support.database import TestDatabase

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
YEAR = 365 * 86_400


@dataclass
class StripesClocks:
    """The provider's clocks, by customer."""

    at: dict[str, datetime] = field(default_factory=dict)
    failure: ProviderFailure | None = None

    async def advance_clock(self, customer_id: str, to: datetime) -> datetime:
        if self.failure is not None:
            raise self.failure
        self.at[customer_id] = max(to, self.at.get(customer_id, to))
        return self.at[customer_id]

    async def close(self) -> None:
        return None


@dataclass
class Desk:
    client: httpx.AsyncClient
    stripe: StripesClocks
    database: Database
    account_id: str

    async def move(self, account_id: str | None = None, caller: Any = None, **body: Any) -> httpx.Response:
        address = f"/api/v1/staff/clocks/{account_id or self.account_id}"
        return await self.client.post(address, json=body, headers=bearer(caller or staff()))

    async def told(self) -> list[ClockMoved]:
        async with self.database.read() as session:
            bodies = (await session.execute(text("SELECT body FROM outbox ORDER BY id"))).scalars().all()
        return [cast(ClockMoved, decode(bytes(body)).event()) for body in bodies]


async def _desk(database_url: str, *, test_clocks: bool) -> AsyncIterator[Desk]:
    stripe = StripesClocks()
    service = create_service(
        settings(database_url, test_clocks=test_clocks),
        LocalTransport(LocalBroker()),
        clock=FrozenClock(NOW),
        payments=cast(PaymentProvider, stripe),
    )
    account_id = new_id("acc")
    async with service.database.work() as work:
        for account, known_as in ((account_id, "cus_ada"), (new_id("acc"), None)):
            work.add(
                Payer(
                    account_id=account,
                    user_id=new_id("usr"),
                    email="ada@example.com",
                    name="Ada",
                    account_name="Engines",
                    stripe_customer_id=known_as,
                    created_at=NOW,
                )
            )
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://billing") as client:
        yield Desk(client, stripe, service.database, account_id)
    await service.database.close()


@pytest_asyncio.fixture
async def desk(fresh_database: TestDatabase) -> AsyncIterator[Desk]:
    async for made in _desk(fresh_database.url("billing"), test_clocks=True):
        yield made


@pytest_asyncio.fixture
async def closed_desk(fresh_database: TestDatabase) -> AsyncIterator[Desk]:
    async for made in _desk(fresh_database.url("billing"), test_clocks=False):
        yield made


async def test_one_call_moves_stripe_s_clock_and_ours_and_tells_it_once(desk: Desk) -> None:
    answer = await desk.move(advance_seconds=YEAR)
    assert answer.status_code == 200
    assert answer.json() == {
        "account_id": desk.account_id,
        "offset_seconds": YEAR,
        "business_now": "2027-01-31T12:00:00.000Z",
    }
    assert desk.stripe.at == {"cus_ada": NOW + timedelta(seconds=YEAR)}
    further = await desk.move(to="2028-02-29T12:00:00+01:00")
    assert further.json()["business_now"] == "2028-02-29T11:00:00.000Z"
    told = await desk.told()
    assert [fact.offset_seconds for fact in told] == [YEAR, further.json()["offset_seconds"]]
    assert {fact.account_id for fact in told} == {desk.account_id}


async def test_time_moves_only_forward_and_not_for_ever(desk: Desk) -> None:
    await desk.move(advance_seconds=YEAR)
    for body, slug in (({"to": "2026-06-01T00:00:00Z"}, "not-forward"), ({"to": "2626-06-01T00:00:00Z"}, "too-far")):
        refused = await desk.move(**body)
        assert refused.status_code == 422
        assert refused.json()["type"].endswith(slug)
    assert len(await desk.told()) == 1


@pytest.mark.parametrize("body", [{}, {"advance_seconds": 0}, {"advance_seconds": 1, "to": "2027-01-01T00:00:00Z"}])
async def test_what_is_no_move_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    assert (await desk.move(**body)).status_code == 422


async def test_a_crash_after_stripe_moved_is_repaired_by_the_next_move(desk: Desk) -> None:
    desk.stripe.at["cus_ada"] = NOW + timedelta(days=60)
    answer = await desk.move(advance_seconds=86_400)
    assert answer.json()["offset_seconds"] == 60 * 86_400


@pytest.mark.parametrize(
    ("failure", "status"), [(FailureClass.TRANSIENT, 503), (FailureClass.AMBIGUOUS, 503), (FailureClass.PERMANENT, 409)]
)
async def test_our_clock_stays_where_it_is_when_stripe_s_did_not_move(
    desk: Desk, failure: FailureClass, status: int
) -> None:
    desk.stripe.failure = ProviderFailure("this customer has no test clock", failure)
    assert (await desk.move(advance_seconds=YEAR)).status_code == status
    assert await desk.told() == []


async def test_only_staff_move_the_time_of_accounts_that_exist_and_that_stripe_knows(desk: Desk) -> None:
    assert (await desk.move(caller=customer(desk.account_id), advance_seconds=1)).status_code == 403
    assert (await desk.move(account_id=new_id("acc"), advance_seconds=1)).status_code == 404
    async with desk.database.read() as session:
        unknown = await session.scalar(text("SELECT account_id FROM payers WHERE stripe_customer_id IS NULL"))
    assert unknown is not None
    refused = await desk.move(account_id=encode_id("acc", unknown), advance_seconds=1)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (409, "customer-not-synced")


async def test_outside_test_mode_no_time_is_moved(closed_desk: Desk) -> None:
    refused = await closed_desk.move(advance_seconds=1)
    assert (refused.status_code, refused.json()["type"].rsplit("/", 1)[-1]) == (409, "test-mode-only")
    assert closed_desk.stripe.at == {}


@pytest.mark.parametrize("changes", [{"environment": "production"}, {"stripe_secret_key": "sk_live_" + "x" * 24}])
def test_billing_refuses_to_start_where_time_could_be_moved_for_real_money(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="test_clocks"):
        settings("postgresql://u:p@localhost/x", test_clocks=True, **changes)
