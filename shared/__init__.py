"""A small stack that knows no business noun except in `contracts`.

Bottom first: kernel, contracts, telemetry, database, messaging, web, testing. A room imports only
rooms below it; the order is enforced by import contracts in pyproject.toml.
"""
