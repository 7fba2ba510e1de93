"""The edge every service has: app factory, problems, tokens, idempotency, pagination, health, live streams."""
