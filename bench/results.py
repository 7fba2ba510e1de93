"""results.json for machines and RESULTS.md for people, from one run, or one run merged into the last."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.measure import Measure

_HERE = Path(__file__).parent
JSON, MARKDOWN = _HERE / "results.json", _HERE / "RESULTS.md"
_META = "run"
_PREFACE = (
    "Every figure is a ratio out of one run on one machine: rounds of ours, the peer and the limit take turns, and "
    "medians are quoted. PostgreSQL runs with fsync, full_page_writes and synchronous_commit on."
)


def merge(earlier: Mapping[str, Any], measures: Iterable[Measure], run: Mapping[str, Any]) -> dict[str, Any]:
    """Earlier results with these in the place of their like. `run` says where and how these were measured."""
    found = {key: value for key, value in earlier.items() if key != _META}
    for measure in measures:
        found[measure.id] = measure.as_json() | {"measured": run.get("date", "")}
    ordered = dict(sorted(found.items(), key=lambda item: _order(item[0])))
    return {**ordered, _META: dict(run)}


def _order(identity: str) -> tuple[int, str]:
    number = re.match(r"P(\d+)", identity)
    return (int(number[1]) if number else 10_000, identity)


def load(path: Path = JSON) -> dict[str, Any]:
    """What an earlier run left; nothing when there was none."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def save(results: Mapping[str, Any], json_path: Path = JSON, markdown_path: Path = MARKDOWN) -> None:
    """Writes both files."""
    json_path.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    markdown_path.write_text(render(results))


def render(results: Mapping[str, Any]) -> str:
    """RESULTS.md."""
    run = results.get(_META, {})
    measures = [value for key, value in results.items() if key != _META]
    met = sum(1 for measure in measures if measure["met"])
    lines = [
        "# Results of `make bench`",
        "",
        f"{_PREFACE} {met} of {len(measures)} goals are met.",
        "",
        "| | work | against | ours | theirs | unit | ratio | goal | |",
        "|---|---|---|---:|---:|---|---:|---:|---|",
        *(_row(measure) for measure in measures),
        "",
        *_notes(measures),
        "## Machine and settings",
        "",
        *(f"- {name}: {_text(value)}" for name, value in run.items()),
        "",
        "## Details",
        "",
    ]
    for measure in measures:
        if measure.get("detail"):
            lines += [f"### {measure['id']} · {measure['work']}", "", *_details(measure["detail"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(measure: Mapping[str, Any]) -> str:
    sign = "≤" if measure.get("at_most") else "≥"
    cells = [
        measure["id"],
        measure["work"],
        measure["against"],
        _figure(measure["ours"]),
        _figure(measure["peer"]),
        measure["unit"],
        _figure(measure["ratio"]),
        f"{sign} {_figure(measure['goal'])}",
        "met" if measure["met"] else "**missed**",
    ]
    return "| " + " | ".join(cells) + " |"


def _notes(measures: Sequence[Mapping[str, Any]]) -> list[str]:
    noted = [measure for measure in measures if measure.get("note")]
    if not noted:
        return []
    return ["## Where the time goes", "", *(f"- **{item['id']}**: {item['note']}" for item in noted), ""]


def _details(detail: Mapping[str, Any], indent: str = "") -> list[str]:
    lines: list[str] = []
    for name, value in detail.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}- {name}", *_details(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            rounds = [f"{indent}  - round {number}: {_text(item)}" for number, item in enumerate(value, 1)]
            lines += [f"{indent}- {name}", *rounds]
        else:
            lines.append(f"{indent}- {name}: {_text(value)}")
    return lines


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    return _figure(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _figure(value: float | None) -> str:
    """Three significant digits, thousands apart; a dash for what could not be measured."""
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
