"""Structured logs: events with fields, JSON for programs, aligned text on a terminal."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: str = "info", *, json: bool | None = None) -> None:
    """Send events to standard error; `json` None = JSON unless standard error is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_logger(part: str) -> structlog.typing.FilteringBoundLogger:
    """A logger whose events carry `part`: coordinator, agent, dns ..."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=part)
    return logger
