"""The independent checker on whole purchases: it finds nothing, tells the whole story, and reads without a trace."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.chaos.checker import check, timeline
from tests.support.market import Market, market

__all__ = ["market"]
pytestmark = [pytest.mark.chaos]
ROOT = Path(__file__).parents[2]
PROMISES = [f"I{number}" for number in range(1, 11)]


async def test_a_clean_purchase_keeps_every_promise(market: Market) -> None:
    assert market.first.holds, "\n".join(market.first.lines())
    said = [line.split()[0] for line in market.first.lines()]
    assert said[:10] == PROMISES
    assert all(name.startswith("B") for name in said[10:])
    assert "1 paid units, 1 machines" in market.first.lines()[0]
    assert [line.split()[0] for line in market.first.lines() if "not applicable: " in line] == ["I8"]


async def test_three_of_a_kind_a_declined_card_and_a_canceled_order_keep_every_promise(market: Market) -> None:
    three = await market.buy("three", quantity=3)
    declined = await market.order("declined")
    page = await market.session(declined)
    await market.stripe("POST", f"/_sandbox/checkout/{page}/pay", {"outcome": "decline"})
    canceled = await market.order("canceled")
    await market.session(canceled)
    await market.delivered(three)
    for order in (declined, canceled):
        await market.api("POST", f"/api/v1/orders/{order}/cancel")
    await market.quiet()
    report = await check(market.sources)
    assert report.holds, "\n".join(report.lines())


async def test_money_that_does_not_fit_and_is_held_keeps_every_promise(market: Market) -> None:
    order = await market.order("cheap")
    page = await market.session(order)
    await market.stripe("POST", "/_sandbox/faults", {"next_checkout": [{"amount": 1}]})
    await market.stripe("POST", f"/_sandbox/checkout/{page}/pay", {"outcome": "success"})
    await market.status(order, "under_review")
    await market.quiet()
    report = await check(market.sources)
    assert report.holds, "\n".join(report.lines())


async def test_what_is_in_flight_breaks_nothing_yet(market: Market) -> None:
    looks = asyncio.create_task(market.buy("flying"))
    while not looks.done():
        report = await check(market.sources, settled=False)
        assert report.holds, "\n".join(report.lines())
    await market.delivered(await looks)


async def test_the_timeline_tells_of_every_room(market: Market) -> None:
    order = await market.buy("story")
    await market.delivered(order)
    story = await timeline(market.sources, order)
    assert order in story[0]
    places = " ".join(line[14:36].strip() for line in story[1:])
    for place in ("catalog order", "billing checkout", "Stripe delivery", "provisioning step", "hypervisor", "mailbox"):
        assert place in places
    times = [line[:12] for line in story[1:]]
    assert times == sorted(times)
    assert await timeline(market.sources, "ord_none") == ["ord_none: no such order in the catalogue"]


async def test_the_command_says_by_its_exit_code_whether_all_holds(market: Market) -> None:
    sources = market.sources
    command = [sys.executable, "-m", "tests.chaos.checker", "--database", sources.database_url]
    command += ["--stripe", sources.stripe_url, "--stripe-key", sources.stripe_key, "--mail", sources.mail_url]
    command += ["--hypervisor", sources.hypervisor_url, "--hypervisor-token", sources.hypervisor_token]

    async def run() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    assert (await run())[0] == 0
    await market.sql("CREATE TABLE billing.credits (id int)")
    try:
        code, output = await run()
    finally:
        await market.sql("DROP TABLE billing.credits")
    assert code == 1
    assert "BROKEN" in output
    assert "billing.credits" in output
