"""Structured logs with secrets taken out, traces through the bus, metrics, error reports."""
