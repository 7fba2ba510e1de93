"""`python -m sandbox.hypervisor --port 8011`: the stand-in hypervisor on loopback."""

import argparse
from pathlib import Path

import uvicorn

from sandbox.hypervisor.app import create_app
from sandbox.hypervisor.settings import HypervisorSandboxSettings


def main() -> None:
    """Serve until stopped. What is not given here comes from SANDBOX_HYPERVISOR_*."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.hypervisor", description=__doc__)
    parser.add_argument("--port", type=int, default=8011)
    parser.add_argument("--state-path", type=Path, help="SQLite file that keeps the machines across restarts")
    parser.add_argument("--time-scale", type=float, help="real seconds per simulated second; 0 is immediate")
    arguments = parser.parse_args()
    given = {"state_path": arguments.state_path, "time_scale": arguments.time_scale}
    settings = HypervisorSandboxSettings(**{name: value for name, value in given.items() if value is not None})
    uvicorn.run(create_app(settings), host="127.0.0.1", port=arguments.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
