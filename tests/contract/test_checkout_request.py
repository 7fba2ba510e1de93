"""What catalog asks for a payment page is what billing accepts, and what services answer to it is what pages read."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

import services.catalog.api.schemas as catalog_answers
import services.provisioning.api.schemas as provisioning_answers
from services.billing.api.schemas import CheckoutBody, CheckoutLineBody, CheckoutView
from services.catalog.adapters.billing import CheckoutLine, CheckoutPage, CheckoutRequest
from shared.contracts.reads.catalog import CheckoutView as CheckoutRead
from shared.contracts.reads.provisioning import PowerAccepted
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


@pytest.mark.parametrize(
    ("answered", "read"),
    [(catalog_answers.CheckoutView, CheckoutRead), (provisioning_answers.PowerAccepted, PowerAccepted)],
)
def test_what_a_service_answers_a_page_is_what_the_page_reads(answered: type[BaseModel], read: type[BaseModel]) -> None:
    shown = answered.model_json_schema(mode="serialization")
    expected = read.model_json_schema(mode="serialization")
    assert (shown["properties"], shown["required"]) == (expected["properties"], expected["required"])


def test_an_older_catalog_that_names_no_items_is_still_understood() -> None:
    sent = _request().model_dump(mode="json")
    for line in sent["lines"]:
        del line["item_id"]
    assert CheckoutBody.model_validate(sent).lines[0].item_id is None
