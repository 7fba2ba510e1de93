"""The public API of all services as one OpenAPI 3.1 document, made from the code."""

import json
import os
from typing import Any

from ez.embedded.environment import build_environment, ports_from
from ez.embedded.secrets import fresh
from ez.services import NAMES, compose
from gateway.routing import owner_of
from shared.messaging import LocalBroker, LocalTransport

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Stable name of the problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do."},
        "request_id": {"type": "string", "description": "Quote it to support."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def public_openapi() -> str:
    """The document, as JSON. Only what the gateway forwards is in it."""
    before = dict(os.environ)
    os.environ.update(build_environment(ports_from(8000), fresh(), "postgresql://admin@127.0.0.1:8020/postgres"))
    try:
        documents = {name: compose(name, LocalTransport(LocalBroker())).app.openapi() for name in NAMES}
    finally:
        os.environ.clear()
        os.environ.update(before)
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    for name, document in documents.items():
        renamed = _merge_schemas(name, document.get("components", {}).get("schemas", {}), schemas)
        for path, item in document["paths"].items():
            if owner_of(_sample(path)) == name:
                paths[path] = _with_problems(json.loads(_rename(json.dumps(item), renamed)))
    return json.dumps(_document(dict(sorted(paths.items())), dict(sorted(schemas.items()))), indent=2) + "\n"


def _sample(path: str) -> str:
    return path.replace("{", "").replace("}", "")


def _merge_schemas(service: str, found: dict[str, Any], into: dict[str, Any]) -> dict[str, str]:
    """Adds a service's schemas; a name that stands for something else elsewhere gets the service in front."""
    kept = {name: schema for name, schema in found.items() if name not in ("HTTPValidationError", "ValidationError")}
    renamed = {
        name: f"{service.capitalize()}{name}" for name, schema in kept.items() if into.get(name, schema) != schema
    }
    for name, schema in kept.items():
        into[renamed.get(name, name)] = json.loads(_rename(json.dumps(schema), renamed))
    return renamed


def _rename(text: str, renamed: dict[str, str]) -> str:
    for old, new in renamed.items():
        text = text.replace(f'"#/components/schemas/{old}"', f'"#/components/schemas/{new}"')
    return text


def _with_problems(item: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operation in item.values():
        public = "public" in operation.get("tags", [])
        operation["responses"].pop("422", None)
        operation["responses"]["4XX"] = {"description": "The request was refused.", "content": problem}
        operation["responses"]["503"] = {"description": "Try again after Retry-After.", "content": problem}
        operation["security"] = [] if public else [{"session": []}]
    return item


def _document(paths: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "EZ Solutions API",
            "version": "1",
            "description": "Send Idempotency-Key with writes. Lists are keyset pages. Errors are RFC 9457 problems.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token from POST /api/v1/sessions.",
                }
            },
        },
    }
