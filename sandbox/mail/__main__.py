"""`python -m sandbox.mail`: the mailbox as a process of its own."""

import argparse
from pathlib import Path

import uvicorn

from sandbox.mail.app import MailSandbox


def main() -> None:
    """Listens for mail and serves /dev/mail until stopped."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.mail", description="Catches mail and shows it.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8013, help="of the web page")
    parser.add_argument("--smtp-port", type=int, default=8012)
    parser.add_argument("--state", type=Path, default=None, help="SQLite file; without it mail is kept in memory")
    chosen = parser.parse_args()
    mailbox = MailSandbox(chosen.state, chosen.smtp_port, host=chosen.host)
    mailbox.start_smtp()
    try:
        uvicorn.run(mailbox.app, host=chosen.host, port=chosen.port, log_level="warning")
    finally:
        mailbox.stop()


if __name__ == "__main__":
    main()
