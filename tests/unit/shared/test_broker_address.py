"""A broker that falls silent is noticed in half a minute, unless whoever runs it has said otherwise."""

import pytest

from shared.messaging.transports.rabbitmq import address


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("amqp://guest:p%40ss@mq.example:5672/", "amqp://guest:p%40ss@mq.example:5672/?heartbeat=10"),
        ("amqps://mq.example/shop?verify_ssl=1", "amqps://mq.example/shop?verify_ssl=1&heartbeat=10"),
        ("amqp://mq.example/?heartbeat=30", "amqp://mq.example/?heartbeat=30"),
    ],
)
def test_the_heartbeat_is_ours_unless_the_address_names_one(given: str, used: str) -> None:
    assert address(given) == used
