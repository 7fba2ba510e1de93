"""Facts between contexts: envelope, outbox, relay, inbox, and the transports underneath."""

from shared.messaging.consumer import Consumer, Handlers
from shared.messaging.envelope import Envelope, Malformed, decode, encode
from shared.messaging.inbox import inbox_table
from shared.messaging.outbox import Outbox, outbox_table
from shared.messaging.relay import Relay
from shared.messaging.transports.base import Message, NotConfirmed, Transport, Unroutable
from shared.messaging.transports.local import LocalBroker, LocalTransport
from shared.messaging.transports.rabbitmq import RabbitTransport

__all__ = [
    "Consumer",
    "Envelope",
    "Handlers",
    "LocalBroker",
    "LocalTransport",
    "Malformed",
    "Message",
    "NotConfirmed",
    "Outbox",
    "RabbitTransport",
    "Relay",
    "Transport",
    "Unroutable",
    "decode",
    "encode",
    "inbox_table",
    "outbox_table",
]
