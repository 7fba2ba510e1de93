"""What catalog asks for a payment page is what billing accepts."""

from datetime import UTC, datetime

from services.billing.api.schemas import CheckoutBody, CheckoutLineBody, CheckoutView
from services.catalog.adapters.billing import CheckoutLine, CheckoutPage, CheckoutRequest
from shared.kernel import new_id


def _request() -> CheckoutRequest:
    line = CheckoutLine(
        item_id=new_id("itm"),
        price_id=new_id("prc"),
        description="VPS S · web.example.com",
        quantity=2,
        unit_amount_minor=500,
        setup_fee_minor=100,
        interval="month",
    )
    return CheckoutRequest(
        order_id=new_id("ord"),
        order_number="EZ-7K3M9QX",
        account_id=new_id("acc"),
        currency="EUR",
        total_minor=1200,
        expires_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        lines=[line],
    )


def test_billing_reads_what_catalog_sends() -> None:
    sent = _request()
    read = CheckoutBody.model_validate_json(sent.model_dump_json())
    assert read.lines[0].model_dump() == sent.lines[0].model_dump()


def test_both_know_the_same_fields() -> None:
    assert set(CheckoutRequest.model_fields) == set(CheckoutBody.model_fields)
    assert set(CheckoutLine.model_fields) == set(CheckoutLineBody.model_fields)
    assert set(CheckoutPage.model_fields) == set(CheckoutView.model_fields)


def test_an_older_catalog_that_names_no_items_is_still_understood() -> None:
    sent = _request().model_dump(mode="json")
    for line in sent["lines"]:
        del line["item_id"]
    assert CheckoutBody.model_validate(sent).lines[0].item_id is None
