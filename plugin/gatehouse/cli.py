"""The command ``gatehouse``: parses the first word and imports only that command.

Start-up time is part of the speed of ``gatehouse deidentify``, so nothing heavy is imported here.
A command is a module of ``gatehouse.commands`` with ``HELP``, ``add_arguments(parser)`` and
``run(arguments) -> int``.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from gatehouse import __version__
from gatehouse.errors import GatehouseError

COMMANDS = {
    "validate": "check a folder of policies: schema, semantics, lock",
    "test": "run the policies' own cases",
    "explain": "say which policy applies to files, why, and what it does to each element",
    "diff": "say what changes between two versions of a policy, in meaning, not text",
    "new": "write a new policy with its cases",
    "deidentify": "de-identify a folder into another folder, without Orthanc",
    "up": "start the gateway, a research Orthanc and the workers",
    "service": "read Orthanc's change log and answer REST requests (started by the plugin)",
    "worker": "run a worker",
    "status": "say how the gateway is",
    "schema": "print the JSON Schema of a policy",
    "lock": "write pack.lock, the digests of all policy versions",
    "keygen": "write a new key file",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (0 fine, 1 finding, 2 unusable)."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="gatehouse",
        description="De-identification and routing gateway for medical images.",
    )
    parser.add_argument("--version", action="version", version=f"gatehouse {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    named = words[0] if words and words[0] in COMMANDS else None
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == named:
            module = importlib.import_module(f"gatehouse.commands.{name}")
            module.add_arguments(command)
    arguments = parser.parse_args(words)
    module = importlib.import_module(f"gatehouse.commands.{arguments.command}")
    try:
        return int(module.run(arguments))
    except GatehouseError as error:
        print(f"gatehouse: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output (`| head`) has enough. Python would complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
