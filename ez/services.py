"""The five services by name, composed from the environment. Here, and only here, all of them are imported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.billing.main import create_service as create_billing
from services.billing.settings import BillingSettings
from services.catalog.main import create_service as create_catalog
from services.catalog.settings import CatalogSettings
from services.identity.main import create_service as create_identity
from services.identity.settings import IdentitySettings
from services.provisioning.main import create_service as create_provisioning
from services.provisioning.settings import ProvisioningSettings
from services.support.main import create_service as create_support
from services.support.settings import SupportSettings
from shared.messaging import RabbitTransport, Transport
from shared.web.service import Service
from shared.web.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class Entry:
    """How one service is made."""

    settings: type[ServiceSettings]
    create: Callable[[Any, Transport], Service]


ENTRIES: dict[str, Entry] = {
    "identity": Entry(IdentitySettings, create_identity),
    "billing": Entry(BillingSettings, create_billing),
    "catalog": Entry(CatalogSettings, create_catalog),
    "provisioning": Entry(ProvisioningSettings, create_provisioning),
    "support": Entry(SupportSettings, create_support),
}
NAMES = tuple(ENTRIES)


def settings_of(name: str) -> ServiceSettings:
    """The service's settings from the environment. Raises pydantic's ValidationError naming what is missing."""
    return ENTRIES[name].settings()  # type: ignore[call-arg]  # every value comes from the environment


def compose(name: str, transport: Transport | None = None) -> Service:
    """The service with its settings from the environment, on RabbitMQ unless another transport is given."""
    settings = settings_of(name)
    if transport is None:
        if settings.broker_url is None:
            raise SystemExit("EZ_BROKER_URL is not set: say where RabbitMQ is, e.g. amqp://user:password@host:5672/")
        transport = RabbitTransport(settings.broker_url.get_secret_value(), name=f"ez-{name}")
    return ENTRIES[name].create(settings, transport)
