from typing import Any

import pytest
from pydantic import ValidationError

from services.support.settings import SupportSettings
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS

GOOD: dict[str, Any] = {
    "token_keys": TOKEN_KEYS,
    "database_url": "postgresql://x:y@127.0.0.1/ez",
    "signing_key": PRIVATE_KEYS["support"],
    "identity_url": "http://identity-api:8000/",
    "public_url": "https://shop.example/",
    "mail_from": "EZ <hello@shop.example>",
    "smtp_url": "smtp+starttls://user:hidden-word@smtp.example.com:587",
}


def test_good_settings_are_accepted_and_hide_their_secrets() -> None:
    settings = SupportSettings(**GOOD)
    assert (settings.public_url, settings.identity_url) == ("https://shop.example", "http://identity-api:8000")
    assert "hidden-word" not in repr(settings)


@pytest.mark.parametrize(
    "change",
    [
        {"smtp_url": "http://smtp.example.com"},
        {"smtp_url": "smtp://"},
        {"smtp_url": ""},
        {"public_url": "shop.example"},
        {"identity_url": ""},
        {"mail_from": "nobody"},
        {"mail_from": ""},
        {"mail_from": "a@b@c"},
    ],
)
def test_settings_that_cannot_work_stop_the_start(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SupportSettings(**{**GOOD, **change})


@pytest.mark.parametrize("scheme", ["smtp", "smtp+starttls", "smtps"])
def test_each_way_to_reach_a_mail_server_is_accepted(scheme: str) -> None:
    SupportSettings(**{**GOOD, "smtp_url": f"{scheme}://127.0.0.1:2525"})
