"""Connectors are made from rows: what a kind of connector is given, and the kinds that are built in.

A product type that is registered by setting may bring kinds of its own, under `CONNECTORS` in its module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.provisioning.adapters.proxmox import ApiToken, ProxmoxConnector, ProxmoxSettings
from shared.web.client import http_client


class Connector(Protocol):
    """What every connector has beside its capabilities."""

    async def aclose(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Place:
    """A provider as its connector needs to know it. `settings` are of its kind; `production`: nothing unchecked."""

    name: str
    endpoint: str
    secret: str = field(repr=False)
    settings: Mapping[str, Any]
    production: bool


# Makes a connector. Raises ValueError naming what is wrong with the place; it speaks to nobody.
ConnectorKind = Callable[[Place], Connector]

_PROXMOX = frozenset({"node", "ca_file", "fingerprint", "templates", "storage", "pool", "full_clone", "disk"})


def proxmox_settings(place: Place) -> ProxmoxSettings:
    """Proxmox VE: the secret is an API token as user@realm!name=secret. Raises ValueError."""
    unknown = sorted(set(place.settings) - _PROXMOX)
    if unknown:
        raise ValueError(f"Proxmox VE has no setting {', '.join(unknown)}")
    name, _, secret = place.secret.partition("=")
    if "@" not in name or "!" not in name or not secret:
        raise ValueError("the secret must be user@realm!name=secret")
    templates = place.settings.get("templates", {})
    if not isinstance(templates, dict) or not all(isinstance(number, int) for number in templates.values()):
        raise ValueError("templates must map a name to the VM id of a template")
    given = {key: value for key, value in place.settings.items() if key not in ("node", "templates")}
    return ProxmoxSettings(
        url=place.endpoint,
        node=str(place.settings.get("node", "pve1")),
        credentials=ApiToken(name, secret),
        templates=templates,
        allow_http=not place.production,
        **given,
    )


def _proxmox(place: Place) -> Connector:
    return ProxmoxConnector(proxmox_settings(place), http_client)


BUILT_IN: Mapping[str, ConnectorKind] = {"proxmox": _proxmox}
