"""``gatehouse worker``: de-identifies, verifies and delivers what is in the queue."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from multiprocessing import util
from pathlib import Path

FIRST_LINE_MAX_BYTES = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--stdin",
        action="store_true",
        help="take the settings as one line of JSON from stdin, and end when stdin ends "
        "(started by the plugin)",
    )
    how.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="take the settings from a JSON file: for workers on other hosts, with PostgreSQL",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run a worker until it is told to end; return the exit code."""
    from gatehouse.adapters import log
    from gatehouse.adapters.settings import read_settings
    from gatehouse.errors import ConfigurationError

    if arguments.stdin:
        text = sys.stdin.buffer.readline(FIRST_LINE_MAX_BYTES)
    else:
        try:
            text = arguments.config.read_bytes()
        except OSError as error:
            raise ConfigurationError(
                f"{arguments.config} can't be read: {error.strerror}"
            ) from None
    settings = read_settings(text)
    log.configure(settings.process)
    from gatehouse.adapters import worker

    worker.run(settings, sys.stdin.buffer if arguments.stdin else None)
    sys.stderr.flush()
    # Threads of workflows that were cut off may still wait for something; nothing of theirs is
    # unsaved, and nobody waits for them. What multiprocessing would remove at a usual end must be
    # removed here: the socket of the fork server, among the system's temporary files.
    shutil.rmtree(util.get_temp_dir(), ignore_errors=True)
    os._exit(0)
