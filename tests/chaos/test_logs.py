"""Errors are counted by what they are, not by where in memory they happened."""

import json
from pathlib import Path

from tests.chaos.logs import errors_in


def test_errors_are_counted_and_everything_else_is_not(tmp_path: Path) -> None:
    lines = [
        json.dumps({"event": "claim_failed", "level": "warning"}, separators=(",", ":")),
        json.dumps({"event": "unhandled", "error": "AttributeError", "level": "error"}, separators=(",", ":")),
        *(
            json.dumps({"event": f"Callback <at 0x7f{n}> failed", "level": "error"}, separators=(",", ":"))
            for n in (1, 2)
        ),
        '{"event":"cut off","level":"error"',
        "Traceback (most recent call last):",
    ]
    (tmp_path / "catalog-api.log").write_text("\n".join(lines))
    (tmp_path / "billing-api.log").write_text("")
    assert errors_in(tmp_path) == {
        "catalog-api: unhandled (AttributeError)": 1,
        "catalog-api: Callback <at …> failed": 2,
        "catalog-api: Traceback outside of the log": 1,
    }
