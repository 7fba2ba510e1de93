"""A mail server that takes everything at once and counts how often it got each Message-ID. A process of its own.

On SIGTERM it writes the counts to a file: how many mails, how many different ones, how many more than once.
"""

import argparse
import asyncio
import json
import re
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n.\r\n"


class _Session(asyncio.Protocol):
    """Just enough of RFC 5321 for a client that behaves."""

    def __init__(self, seen: Counter[bytes]) -> None:
        self._seen = seen
        self._transport: Any = None
        self._data = b""
        self._reading_mail = False

    def connection_made(self, transport: Any) -> None:
        """Greets."""
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        """Answers every command, takes every mail."""
        self._data += data
        while self._data:
            if self._reading_mail:
                mail, end, rest = self._data.partition(_END)
                if not end:
                    return
                self._data, self._reading_mail = rest, False
                found = _MESSAGE_ID.search(mail)
                self._seen[found[1] if found else b""] += 1
                self._transport.write(b"250 taken\r\n")
                continue
            line, end, rest = self._data.partition(b"\r\n")
            if not end:
                return
            self._data = rest
            self._command(line[:4].upper())

    def _command(self, verb: bytes) -> None:
        if verb == b"DATA":
            self._reading_mail = True
            self._transport.write(b"354 go on\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 sink\r\n")


async def _main(port: int) -> Counter[bytes]:
    seen: Counter[bytes] = Counter()
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(lambda: _Session(seen), "127.0.0.1", port)
    async with server:
        await stop.wait()
    return seen


def main() -> int:
    """Command line of the sink."""
    parser = argparse.ArgumentParser(prog="python -m bench.smtp_sink")
    parser.add_argument("port", type=int)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args()
    seen = uvloop.run(_main(chosen.port))
    repeated = sum(1 for times in seen.values() if times > 1)
    chosen.out.write_text(json.dumps({"mails": seen.total(), "different": len(seen), "repeated": repeated}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
