"""One JSON object per line on standard output, each with its service, request and trace."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import orjson
import structlog

from shared.telemetry.errors import report_line
from shared.telemetry.redaction import redact
from shared.telemetry.tracing import current_trace_id

# Chatty at INFO, and aio-pika prints a traceback for every connection that closes.
_QUIET = {
    "aio_pika": "ERROR",
    "aiormq": "CRITICAL",
    "httpx": "WARNING",
    "httpcore": "WARNING",
    "stripe": "WARNING",
} | {
    "uvicorn.access": "CRITICAL",
    "uvicorn.error": "WARNING",
    "alembic": "WARNING",
    "mail.log": "ERROR",
}


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace_id = current_trace_id()
    if trace_id:
        event["trace_id"] = trace_id
    return event


def _redacted(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    clean: MutableMapping[str, Any] = redact(dict(event))
    return clean


def _reported(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    report_line(event)
    return event


def _render(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=str).decode()


def configure_logging(level: str = "INFO", *, file: TextIO | None = None) -> None:
    """Sets up structlog and the standard library's logging; lines go to `file`, or to standard output."""
    out = file or sys.stdout
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    last: list[Any] = [structlog.processors.format_exc_info, _redacted]
    structlog.configure(
        # Sentry listens to the standard library's logging by itself, but not to structlog.
        processors=[*before, *last, _reported, _render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(quiet)
