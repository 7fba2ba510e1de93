"""The Jinja environment: autoescaping always, undefined names are errors, texts live in the templates."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.web import formatting
from gateway.web.assets import Manifest
from gateway.web.browsers import browser
from gateway.web.upstream import WebSettings

TEMPLATES = Path(__file__).parent / "templates"


def build_environment(settings: WebSettings, manifest: Manifest) -> Environment:
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
        money=formatting.money,
        moment=formatting.moment,
        day=formatting.day,
        size_mb=formatting.size_mb,
        wait_words=formatting.wait_words,
    )
    environment.globals.update(
        settings=settings,
        asset=manifest.url,
        price_for=formatting.price_for,
        yearly_saving=formatting.yearly_saving,
    )
    return environment
