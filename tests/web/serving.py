"""The preview on a real port."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn

from tests.web.fake_data import World
from tests.web.fake_staff_scenarios import build_world
from tests.web.preview import preview_app


@contextlib.contextmanager
def running_preview(tick: float = 2.0) -> Iterator[tuple[World, str]]:
    """A fresh world served on a free port, and the address to open."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    world = build_world(checkout_origin=f"http://localhost:{port}", tick=tick)
    config = uvicorn.Config(
        preview_app(world, address), host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield world, address
    server.should_exit = True
    thread.join(timeout=5)
