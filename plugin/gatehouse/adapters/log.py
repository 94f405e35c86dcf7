"""Log lines: one JSON object per line on stderr, an event with named fields, never a value.

Processes that Orthanc starts share its stderr, so that all lines end up in one place.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from typing import TextIO

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
        logger_factory=structlog.PrintLoggerFactory(_Steady(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    # Libraries quote what they choke on: only that something happened, and where, is let through.
    handler = logging.StreamHandler(_Steady(sys.stderr))
    handler.setFormatter(_WithoutText())
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)


class _Steady:
    """A stream that drops what can't be written.

    A log on a full disk, or whose reader has ended, must not end the work that it tells of.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or don't."""
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written, or don't."""
        with contextlib.suppress(OSError):
            self._stream.flush()


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
