"""The five services by name, composed from the environment.

Each is loaded only when it is asked for: the process of one service carries no other service's code.
"""

from importlib import import_module
from typing import cast

from shared.messaging import RabbitTransport, Transport
from shared.web.service import Service
from shared.web.settings import ProcessSettings, ServiceSettings

NAMES = ("identity", "billing", "catalog", "provisioning", "support")
# Whoever has settings of its own.
PROCESSES = (*NAMES, "gateway")


def settings_class(name: str) -> type[ProcessSettings]:
    """The settings class of a service, or of the gateway."""
    home = name if name == "gateway" else f"services.{name}"
    return cast(type[ProcessSettings], getattr(import_module(f"{home}.settings"), f"{name.capitalize()}Settings"))


def settings_of(name: str) -> ServiceSettings:
    """The service's settings from the environment. Raises pydantic's ValidationError naming what is missing."""
    return cast(ServiceSettings, settings_class(name)())


def compose(name: str, transport: Transport | None = None) -> Service:
    """The service with its settings from the environment, on RabbitMQ unless another transport is given."""
    settings = settings_of(name)
    if transport is None:
        if settings.broker_url is None:
            raise SystemExit("EZ_BROKER_URL is not set: say where RabbitMQ is, e.g. amqp://user:password@host:5672/")
        transport = RabbitTransport(settings.broker_url.get_secret_value(), name=f"ez-{name}")
    return cast(Service, import_module(f"services.{name}.main").create_service(settings, transport))
