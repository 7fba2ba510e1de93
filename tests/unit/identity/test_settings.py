from typing import Any

import pytest
from pydantic import ValidationError

from services.identity.settings import IdentitySettings
from tests.support.callers import PRIVATE_KEYS, TOKEN_KEYS

GOOD: dict[str, Any] = {
    "environment": "production",
    "token_keys": TOKEN_KEYS,
    "database_url": "postgresql://x:y@127.0.0.1/ez",
    "signing_key": PRIVATE_KEYS["identity"],
    "public_url": "https://shop.example/",
    "link_secret": "8f0b1Kq3-zX9mW2_cV5nB7hJ4gF6dS1aP0oI",
}


def test_good_settings_are_accepted_and_hide_their_secrets() -> None:
    settings = IdentitySettings(**GOOD)
    assert settings.public_url == "https://shop.example"
    assert GOOD["link_secret"] not in repr(settings)
    assert GOOD["database_url"] not in repr(settings)


@pytest.mark.parametrize(
    "change",
    [
        {"link_secret": "short"},
        {"link_secret": "x" * 64},
        {"link_secret": ""},
        {"public_url": "http://shop.example"},
        {"public_url": "shop.example"},
    ],
)
def test_what_must_not_go_to_production_stops_the_start(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IdentitySettings(**{**GOOD, **change})


def test_a_missing_secret_or_key_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("link_secret", "signing_key", "public_url"):
        monkeypatch.delenv(f"IDENTITY_{name.upper()}", raising=False)
        with pytest.raises(ValidationError):
            IdentitySettings(**{key: value for key, value in GOOD.items() if key != name})


def test_development_may_use_plain_http_and_a_simple_but_long_secret() -> None:
    IdentitySettings(**{**GOOD, "environment": "local", "public_url": "http://127.0.0.1:8000", "link_secret": "x" * 32})
