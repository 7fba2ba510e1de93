"""Where things run: providers with their capacity, and the switch that stops all writes to all of them."""

from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.web.forms import NO_ERRORS, Form, FormErrors, form_errors
from gateway.web.pages.route import get, post
from gateway.web.visit import Visit
from shared.contracts.reads.provisioning import ProvidersView, ProviderView

_PROVIDERS = "/api/v1/staff/providers"
_READ, _WRITE = "staff.providers.read", "staff.providers.write"
_TEXTS = ("name", "kind", "endpoint", "secret_ref")
_LISTS = ("product_types", "regions")
_FIELDS = frozenset({*_TEXTS, *_LISTS, "capacity", "settings", "reason"})
_REFUSED = frozenset({400, 409, 422})
_LONGEST_NUMBER = 9


async def providers(visit: Visit) -> Response:
    return await _list_page(visit, NO_ERRORS)


async def _list_page(visit: Visit, errors: FormErrors, status: int = 200) -> Response:
    found = await visit.read("provisioning", _PROVIDERS, ProvidersView)
    return visit.render("console/providers.html", status, found=found, errors=errors, values=visit.form)


async def new(visit: Visit) -> Response:
    return visit.render("console/provider.html", provider=None, values=Form(), errors=NO_ERRORS)


async def add(visit: Visit) -> Response:
    return await _save(visit, "POST", _PROVIDERS, None)


async def provider(visit: Visit) -> Response:
    found = await _one(visit)
    return visit.render("console/provider.html", provider=found, values=_values(found), errors=NO_ERRORS)


async def change(visit: Visit) -> Response:
    found = await _one(visit)
    return await _save(visit, "PATCH", f"{_PROVIDERS}/{found.id}", found)


async def _save(visit: Visit, method: str, path: str, found: ProviderView | None) -> Response:
    try:
        body = _body(visit.form)
    except orjson.JSONDecodeError:
        errors = FormErrors({"settings": 'Write JSON, like {"node": "pve-1"}.'})
        return visit.render("console/provider.html", 422, provider=found, values=visit.form, errors=errors)
    if found is not None:
        # What a provider is cannot be changed, only how it is reached and used; and only what was looked at.
        body = {name: value for name, value in body.items() if name not in {"name", "kind"}}
        body["version"] = _number(visit.form.line("version"))
    answer = await visit.call("provisioning", method, path, json=body)
    if answer.status in _REFUSED:
        errors = form_errors(answer, _FIELDS)
        return visit.render("console/provider.html", answer.status, provider=found, values=visit.form, errors=errors)
    visit.require("provisioning", answer)
    return visit.redirect("/console/providers", "provider-saved")


async def set_state(visit: Visit) -> Response:
    """Pauses one provider, opens it, or says that it is full."""
    provider_id, verb = visit.path("provider_id"), visit.path("verb")
    if verb not in {"pause", "fill", "open"}:
        raise HTTPException(404)
    body = {"reason": visit.form.line("reason")}
    return await _done(visit, "POST", f"{_PROVIDERS}/{provider_id}/{verb}", body, "provider-saved")


async def switch_writes(visit: Visit) -> Response:
    """Stops or allows all writes to all providers."""
    body = {"engaged": visit.form.get("engaged") == "yes", "reason": visit.form.line("reason")}
    return await _done(visit, "PUT", "/api/v1/staff/switches/provider-writes", body, "switch-set")


async def _done(visit: Visit, method: str, path: str, body: dict[str, Any], notice: str) -> Response:
    answer = await visit.call("provisioning", method, path, json=body)
    if answer.status in _REFUSED:
        return await _list_page(visit, form_errors(answer, frozenset({"reason"})), answer.status)
    visit.require("provisioning", answer)
    return visit.redirect("/console/providers", notice)


async def _one(visit: Visit) -> ProviderView:
    return await visit.read("provisioning", f"{_PROVIDERS}/{visit.path('provider_id')}", ProviderView)


def _values(found: ProviderView) -> Form:
    """The provider as its form shows it."""
    settings = orjson.dumps(found.settings, option=orjson.OPT_INDENT_2).decode() if found.settings else ""
    capacity = "" if found.capacity is None else str(found.capacity)
    texts = [(name, str(getattr(found, name))) for name in _TEXTS]
    lists = [(name, ", ".join(getattr(found, name))) for name in _LISTS]
    return Form([*texts, *lists, ("capacity", capacity), ("settings", settings)])


def _body(form: Form) -> dict[str, Any]:
    """The form as the API takes it. Raises JSONDecodeError for settings that are no JSON."""
    texts: dict[str, Any] = {name: form.line(name) for name in (*_TEXTS, "reason")}
    lists = {name: [part.strip() for part in form.line(name).split(",") if part.strip()] for name in _LISTS}
    return {
        **texts,
        **lists,
        "capacity": _number(form.line("capacity")),
        "settings": orjson.loads(form.line("settings") or "{}"),
    }


def _number(text: str) -> int | str | None:
    """A number where it is one; anything else goes as it is, and the service says what is wrong with it."""
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    return text or None


ROUTES = (
    get("/console/providers", providers, _READ),
    get("/console/providers/new", new, _WRITE),
    post("/console/providers/new", add, _WRITE),
    post("/console/providers/writes", switch_writes, "staff.switches.write"),
    get("/console/providers/{provider_id}", provider, _WRITE),
    post("/console/providers/{provider_id}", change, _WRITE),
    post("/console/providers/{provider_id}/{verb}", set_state, _WRITE),
)
