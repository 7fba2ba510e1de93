"""`ez docs`: reference pages written from the code, and checked for drift in CI."""

import argparse
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from deploy.compose.new_env import new_environment
from ez.openapi import public_openapi
from ez.services import NAMES
from ez.settings_pages import compose_form, settings_reference
from shared.contracts import EVENTS, context_of, topology
from shared.database import Stateful
from shared.messaging.transports.rabbitmq import EXCHANGE


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--check", action="store_true", help="only say whether they are up to date")


def run(chosen: argparse.Namespace) -> int:
    """Writes or checks docs/generated."""
    return write_docs(Path("docs/generated"), only_check=chosen.check)


_HEAD = "<!-- Written by `ez docs` from the code. Do not edit: change the code and run `make docs`. -->\n\n"


def event_catalogue() -> str:
    """AsyncAPI 3.0 over the event registry: every message, its payload, its publisher and its consumers."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    for wire_type, event in sorted(EVENTS.items()):
        schema = event.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[event.__name__] = schema
        channels[wire_type] = {
            "address": wire_type,
            "description": event.__doc__,
            "messages": {
                event.__name__: {
                    "name": wire_type,
                    "contentType": "application/cloudevents+json",
                    "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
                }
            },
        }
        publisher = context_of(wire_type)
        operations[f"{publisher}.send.{event.__name__}"] = _operation("send", wire_type)
        for consumer, types in topology().items():
            if wire_type in types:
                operations[f"{consumer}.receive.{event.__name__}"] = _operation("receive", wire_type)
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "EZ Solutions events",
            "version": "1.0.0",
            "description": f"CloudEvents 1.0 on the topic exchange {EXCHANGE}; the type is the routing key.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _operation(action: str, wire_type: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{wire_type}"}}


def _stateful_models() -> Iterator[tuple[str, type[Stateful]]]:
    for service in NAMES:
        import_module(f"services.{service}.domain")
    for model in sorted(Stateful.__subclasses__(), key=lambda kind: (kind.__module__, kind.__name__)):
        if model.__module__.startswith("services."):
            yield model.__module__.split(".")[1], model


def lifecycles() -> str:
    """Every state machine as a Mermaid diagram."""
    parts = [_HEAD, "# Lifecycles\n\nEvery status in the product, and every move that is allowed.\n"]
    for service, model in _stateful_models():
        cycle = model.lifecycle
        parts.append(
            f"\n## {service} · {model.__name__}\n\n{_first_line(model.__doc__)}\n\n```mermaid\nstateDiagram-v2\n"
        )
        parts.append(f"    [*] --> {cycle.start}\n")
        parts.extend(f"    {state} --> {target}: {verb}\n" for (state, verb), target in cycle.moves.items())
        parts.append("```\n")
        for verb, states in sorted(cycle.repeats.items()):
            parts.append(f"\n`{verb}` again changes nothing in: {', '.join(sorted(states))}.\n")
    return "".join(parts)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def write_docs(folder: Path, *, only_check: bool) -> int:
    """Writes the pages, or says which of them are out of date (exit code 1)."""
    pages = {
        folder / "events.asyncapi.json": event_catalogue(),
        folder / "openapi.json": public_openapi(),
        folder / "lifecycles.md": lifecycles(),
        folder / "settings.md": settings_reference(_HEAD),
        Path(".env.example"): compose_form(Path("docker-compose.yml").read_text(), list(new_environment())),
    }
    stale = [path for path, text in pages.items() if _read(path) != text]
    if only_check:
        for path in stale:
            print(f"{path} is out of date: run `make docs`")
        return 1 if stale else 0
    folder.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(pages[path])
        print(f"wrote {path}")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None
