"""`ez migrate`: roles, schemas and every migration, in order; safe to run again and beside itself."""

import asyncpg

from ez.services import NAMES, settings_of
from shared.database.migrations import ensure_schema, upgrade

# One migration run at a time: PostgreSQL's advisory locks hold a second one back until the first is done.
_LOCK = 7_305_001


async def migrate(admin_url: str, names: tuple[str, ...] = NAMES) -> None:
    """Brings the named services' schemas up to date."""
    lock = await asyncpg.connect(admin_url, timeout=10)
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", _LOCK)
        for name in names:
            service_url = settings_of(name).database_url.get_secret_value()
            await ensure_schema(admin_url, service_url, name)
            await upgrade(service_url, name)
    finally:
        await lock.close()
