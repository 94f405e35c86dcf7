"""Log lines: one JSON object per line on stderr, an event with named fields, never a value.

Processes that Orthanc starts share its stderr, so that all lines end up in one place.
"""

from __future__ import annotations

import json
import logging
import sys

import structlog
from structlog.typing import EventDict


def configure(process: str) -> None:
    """Write log lines of this process as JSON to stderr.

    Parameters
    ----------
    process : str
        ``"service"``, ``"worker-1"`` ...
    """

    def name_process(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"process": process, **event}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            name_process,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries quote what they choke on: only that something happened, and where, is let through.
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutText())
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)


class _WithoutText(logging.Formatter):
    """Renders a library's log record without its text."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line that names the library, the level and the type of an exception."""
        reason = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        event = {
            "event": "library",
            "logger": record.name,
            "line": record.lineno,
            "reason": reason,
            "level": record.levelname.lower(),
        }
        return json.dumps(event)
