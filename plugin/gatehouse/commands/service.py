"""``gatehouse service``: what the plugin starts beside Orthanc; not meant to be started by hand."""

from __future__ import annotations

import argparse
import sys

FIRST_LINE_MAX_BYTES = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--stdin",
        action="store_true",
        help="take the settings as one line of JSON from stdin, and end when stdin ends",
    )
    how.add_argument(
        "--check",
        action="store_true",
        help="take the settings in the same way, check them, the key, the policies and the "
        "database, print all problems and end",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the service, or the check; return the exit code."""
    from gatehouse.adapters import log
    from gatehouse.adapters.settings import read_settings

    settings = read_settings(sys.stdin.buffer.readline(FIRST_LINE_MAX_BYTES))
    log.configure(settings.process)
    from gatehouse.adapters import service

    if arguments.check:
        service.check(settings)
    else:
        service.run(settings, sys.stdin.buffer)
    return 0
