"""The Jinja environment: autoescaping always, undefined names are errors, texts live in the templates."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.web import formatting, prices, ssh, times
from gateway.web.assets import Manifest
from gateway.web.browsers import browser
from gateway.web.safe_next import with_next
from gateway.web.upstream import WebSettings
from shared.contracts.reads.base import MoneyView

TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment_for(settings: WebSettings) -> Environment:
    """The environment of this process, so that every template is compiled once.

    Raises `AssetsNotBuilt` when `npm run build` has not been run.
    """
    return build_environment(settings, Manifest())


def build_environment(settings: WebSettings, manifest: Manifest) -> Environment:
    """Everything a template may call."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        browser=browser,
        money=_money,
        moment=times.moment,
        stamp=times.stamp,
        wait_words=formatting.wait_words,
        with_next=with_next,
    )
    environment.globals.update(
        settings=settings,
        asset=manifest.url,
        duration=times.duration,
        price_of=prices.price_of,
        shown_price=prices.shown_price,
        by_month=prices.by_month,
        saving_of=prices.saving,
        is_chosen=ssh.is_chosen,
        pasted=ssh.pasted,
    )
    return environment


def _money(value: MoneyView | int, currency: str | None = None) -> str:
    if isinstance(value, MoneyView):
        return formatting.money(value.amount_minor, value.currency)
    return formatting.money(value, currency)
