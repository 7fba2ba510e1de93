from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jinja2.exceptions import SecurityError

import services.support.adapters.rendering as rendering
from services.support.adapters.rendering import Letter, Renderer, one_line
from services.support.domain import LINKED, TEMPLATES
from shared.database import FailureClass, HandlingFailed

RENDERER = Renderer("EZ Solutions <hello@shop.example>", "https://shop.example")
LETTER = Letter(
    id="ntf_01h455vb4pex5vsknk084sn02q",
    template="receipt",
    recipient="ada@example.com",
    recipient_name="Ada",
    context={},
    written_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
)
CONTEXTS: dict[str, dict[str, Any]] = {
    "verify_email": {"verification_id": "ver_x"},
    "reset_password": {"verification_id": "ver_x"},
    "already_registered": {"verification_id": "ver_x"},
    "welcome_vps": {"service_id": "svc_x", "service_name": "web-1", "plan_name": "VPS S", "ipv4": "203.0.113.7"},
    "welcome_service": {
        "service_id": "svc_x",
        "service_name": "web-1",
        "plan_name": "VPS S",
        "ipv4": None,
        "attributes": [{"key": "ipv4", "label": "IPv4 address", "value": "203.0.113.7"}],
        "access": ["Sign in with: ssh root@203.0.113.7"],
    },
    "service_suspended": {"service_id": "svc_x", "service_name": "web-1", "reason": "An invoice is unpaid."},
    "service_resumed": {"service_id": "svc_x", "service_name": "web-1"},
    "service_ended": {"service_id": "svc_x", "service_name": "web-1", "kept_until": "2026-02-07T12:00:00+00:00"},
    "payment_past_due": {"order_id": "ord_x", "message": "The card has expired."},
    "receipt": {
        "number": "EZ-1",
        "amount_minor": 1200,
        "currency": "EUR",
        "hosted_invoice_url": None,
        "paid_at": "2026-01-31T12:00:00+00:00",
    },
    "ticket_reply": {
        "ticket_id": "tkt_x",
        "number": "T-100001",
        "ticket_subject": "Help",
        "author": "Grace",
        "body": "Done.",
    },
    "delivery_delayed": {"service_name": "web-1", "number": "T-100001", "ticket_id": "tkt_x"},
}


def parts(letter: Letter, **more: Any) -> tuple[str, str, str]:
    mail = RENDERER.render(letter, **more)
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return str(mail["Subject"]), plain.get_content(), html.get_content()


def test_every_template_has_a_text_and_an_html_twin_and_nothing_is_left_over() -> None:
    found = {path.name for path in Path(rendering.__file__).with_name("templates").iterdir()}
    assert found == {f"{name}.{kind}" for name in TEMPLATES for kind in ("txt", "html")} | {"layout.html", "_foot.txt"}
    assert set(CONTEXTS) == TEMPLATES


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_mail_has_a_subject_a_greeting_and_a_way_on_in_both_parts(template: str) -> None:
    more = {"url": "https://shop.example/x?token=abc"} if template in LINKED else {}
    subject, plain, html = parts(replace(LETTER, template=template, context=CONTEXTS[template]), **more)
    assert 5 < len(subject) < 80
    assert plain.startswith("Hello Ada,\n")
    assert "https://shop.example/" in plain
    assert 'href="https://shop.example/' in html or 'href="https://shop.example"' in html
    assert "<title>" + subject in html
    for text in (plain, html):
        assert "{{" not in text
        assert "None" not in text
    assert max(len(line) for line in plain.splitlines()) < 400


def test_the_html_part_escapes_and_the_text_part_does_not() -> None:
    context = {**CONTEXTS["ticket_reply"], "body": "a < b & c", "author": "<i>Grace</i>"}
    _subject, plain, html = parts(replace(LETTER, template="ticket_reply", context=context))
    assert "a < b & c" in plain
    assert "a &lt; b &amp; c" in html
    assert "<i>" not in html


def test_the_same_letter_gives_the_same_bytes() -> None:
    letter = replace(LETTER, context=CONTEXTS["receipt"])
    assert RENDERER.render(letter).as_bytes() == RENDERER.render(letter).as_bytes()


def test_a_link_that_is_no_web_address_stays_inside_its_attribute() -> None:
    context = {**CONTEXTS["receipt"], "hosted_invoice_url": 'https://x/"><script>alert(1)</script>'}
    _subject, _plain, html = parts(replace(LETTER, context=context))
    assert "<script>" not in html


@pytest.mark.parametrize("text", ["a\r\nBcc: b", "a\nb", "a\u2028b", "a\x00b", "a\x85b", "  a \t b "])
def test_a_header_value_is_one_line(text: str) -> None:
    cleaned = one_line(text)
    assert len(cleaned.splitlines()) == 1
    assert cleaned.isprintable()


def test_a_subject_never_grows_beyond_reason() -> None:
    context = {**CONTEXTS["ticket_reply"], "ticket_subject": "x" * 5000}
    subject, _plain, _html = parts(replace(LETTER, template="ticket_reply", context=context))
    assert len(subject) <= 150


@pytest.mark.parametrize("change", [{"template": "no_such"}, {"context": {}}, {"recipient": "nobody"}])
def test_what_no_attempt_could_write_is_given_up(change: dict[str, Any]) -> None:
    letter = replace(LETTER, context=CONTEXTS["receipt"])
    with pytest.raises(HandlingFailed) as refused:
        RENDERER.render(replace(letter, **change))
    assert refused.value.failure is FailureClass.PERMANENT


def test_templates_run_in_a_sandbox() -> None:
    with pytest.raises(SecurityError):
        RENDERER._text.from_string("{{ ''.__class__.__mro__ }}").render()


def test_the_welcome_mail_says_how_to_get_in() -> None:
    for part in parts(replace(LETTER, template="welcome_service", context=CONTEXTS["welcome_service"]))[1:]:
        assert "ssh root@203.0.113.7" in part
        assert "IPv4 address" in part


def test_a_welcome_written_down_by_the_version_before_is_still_a_mail() -> None:
    before = {"service_id": "svc_x", "service_name": "web-1", "plan_name": "Host S", "ipv4": None}
    subject, plain, _html = parts(replace(LETTER, template="welcome_service", context=before))
    assert (subject, "Host S" in plain) == ("web-1 is ready", True)


@pytest.mark.parametrize("query", ["", "?next=/buy/vps-s%3Finterval%3Dyear%26c_name%3D%2522%253E"])
def test_both_links_for_a_known_address_lead_on_to_where_its_owner_was_going(query: str) -> None:
    letter = replace(LETTER, template="already_registered", context=CONTEXTS["already_registered"])
    _subject, plain, html = parts(letter, url=f"https://shop.example/sign-in{query}")
    for page in ("sign-in", "forgot-password"):
        assert f"https://shop.example/{page}{query}\n" in plain
        assert f'href="https://shop.example/{page}{query}"' in html
