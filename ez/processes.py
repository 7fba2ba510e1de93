"""What every process of ours does first and last: say who it is to logs, traces and error reports; wait for its end."""

import asyncio
import contextlib
import ctypes
import gc
import signal

from shared.telemetry.errors import configure_errors
from shared.telemetry.logs import configure_logging
from shared.telemetry.tracing import configure_tracing
from shared.web.settings import ProcessSettings


def observe(process: str, settings: ProcessSettings) -> None:
    """Sets up logging, tracing and error reports for this process."""
    configure_logging(settings.log_level)
    configure_tracing(process, settings.otlp_endpoint)
    dsn = settings.sentry_dsn.get_secret_value() if settings.sentry_dsn else None
    configure_errors(dsn, process, settings.environment, settings.release)


def settle() -> None:
    """What was loaded stays until the end: from now on no collection of garbage walks through it.

    What only loading it needed goes back to the system, where the C library can do that (glibc's malloc_trim, 2 MB).
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
    # A batch of rows makes thousands of short-lived objects; looking for cycles after every 700 of them finds none.
    gc.set_threshold(5_000, 20, 20)


async def stopped() -> None:
    """Returns when the process is asked to end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
