"""`ez up`: start everything, say where things are, run until Ctrl-C."""

import argparse
import asyncio
import os
import signal
import time
from pathlib import Path

import uvloop

from ez.embedded.instance import Instance
from ez.embedded.postgres_home import PostgresDidNotStart
from ez.seeding import CUSTOMER, STAFF
from ez.servers import PortBusy
from shared.telemetry.logs import configure_logging
from shared.telemetry.tracing import configure_tracing

_BANNER = """
  EZ Solutions is running          {url}

    customer   {customer:<22} {customer_password}
    staff      {staff:<22} {staff_password}      console: {url}/console

    caught mail        {url}/dev/mail
    Stripe sandbox     http://127.0.0.1:{stripe}/
    hypervisor         http://127.0.0.1:{hypervisor}/
    logs               {log}

  Try `make demo` in another terminal{port_hint}. Ctrl-C stops; data is kept in {home}/.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")), help="the gateway's port")
    parser.add_argument("--home", type=Path, default=Path(".ez"), help="where data is kept")


def run(chosen: argparse.Namespace) -> int:
    """Runs an embedded instance until Ctrl-C; returns the exit code."""
    home: Path = chosen.home
    home.mkdir(parents=True, exist_ok=True)
    log_path = home / "ez.log"
    with log_path.open("a", buffering=1) as log_file:
        configure_logging("INFO", file=log_file)
        configure_tracing("embedded")
        return uvloop.run(_run(home, chosen.port, log_path))


async def _run(home: Path, port: int, log_path: Path) -> int:
    started = time.perf_counter()
    instance = Instance(home, port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print("Starting EZ Solutions", flush=True)
    try:
        if not await _started(instance, stop):
            return 130
        print(_banner(instance, port, home, log_path), flush=True)
        print(f"  Ready after {time.perf_counter() - started:.1f} s.", flush=True)
        return await _until_stopped(instance, stop, log_path)
    except (PortBusy, PostgresDidNotStart) as error:
        print(f"\n\n{error}\n", flush=True)
        return 1
    finally:
        print("\nStopping …", flush=True)
        await instance.stop()


async def _started(instance: Instance, stop: asyncio.Event) -> bool:
    starting = asyncio.create_task(instance.start())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return False
    stopping.cancel()
    await starting
    return True


async def _until_stopped(instance: Instance, stop: asyncio.Event, log_path: Path) -> int:
    ended = asyncio.create_task(instance.wait())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
    failed = not stop.is_set()
    ended.cancel()
    stopping.cancel()
    if failed:
        print(f"\nA part of the instance ended by itself. The reason is at the end of {log_path}.", flush=True)
    return 1 if failed else 0


def _banner(instance: Instance, port: int, home: Path, log_path: Path) -> str:
    return _BANNER.format(
        url=instance.public_url,
        customer=CUSTOMER.email,
        customer_password=CUSTOMER.password,
        staff=STAFF.email,
        staff_password=STAFF.password,
        stripe=instance.ports["stripe"],
        hypervisor=instance.ports["hypervisor"],
        log=log_path,
        home=home,
        port_hint="" if port == 8000 else f" (PORT={port} make demo)",
    )
