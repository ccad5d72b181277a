"""Structured logs: events with fields, JSON for programs, aligned text on a terminal.

structlog is loaded with the first event: it brings a hundred modules, and a dns server that starts answers before.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_wanted: list[Callable[[], None]] = []
"""At most one: how logs are to be set up, once the first event comes."""


def configure(level: str = "info", *, json: bool | None = None) -> None:
    """Send events to standard error; `json` None = JSON unless standard error is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    _wanted[:] = [partial(_set_up, logging.getLevelNamesMapping()[level.upper()], as_json=as_json)]


def get_logger(part: str) -> FilteringBoundLogger:
    """A logger whose events carry `part`: coordinator, agent, dns ..."""
    return cast("FilteringBoundLogger", _Logger(part))


class _Logger:
    """Becomes a logger of structlog when it is used."""

    def __init__(self, part: str) -> None:
        self._part = part

    def __getattr__(self, name: str) -> object:
        import structlog

        for set_up in tuple(_wanted):  # twice, if two threads log first at once, does no harm
            set_up()
            _wanted.clear()
        return getattr(structlog.get_logger(part=self._part), name)


def _set_up(level: int, *, as_json: bool) -> None:
    import structlog

    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
