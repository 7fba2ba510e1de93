"""What the processes themselves called an error, counted over a run's whole directory of logs."""

import json
import re
from collections import Counter
from pathlib import Path

_ADDRESSES = re.compile(r"0x[0-9a-f]+|/\S+/")
_LONGEST = 110


def errors_in(directory: Path) -> Counter[str]:
    """`process: event` → how often it was logged as an error; addresses and paths are left out of the event."""
    counted: Counter[str] = Counter()
    for file in sorted(directory.glob("*.log")):
        for line in file.read_text(errors="replace").splitlines():
            event = _error(line)
            if event is not None:
                counted[f"{file.stem}: {event}"] += 1
    return counted


def _error(line: str) -> str | None:
    if line.startswith("Traceback"):
        return "Traceback outside of the log"
    if '"level":"error"' not in line and '"level":"critical"' not in line:
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None  # cut off by the death of its writer
    detail = f" ({entry['error']})" if entry.get("error") else ""
    return _ADDRESSES.sub("…", f"{entry.get('event', '')}{detail}".strip().replace("\n", " "))[:_LONGEST]
