"""The command ``gatehouse``: parses the first word and imports only that command.

Start-up time is part of the speed of ``gatehouse deidentify``, so nothing heavy is imported here.
A command is a module of ``gatehouse.commands`` with ``add_arguments(parser)`` and
``run(arguments) -> int``.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from gatehouse import __version__
from gatehouse.errors import GatehouseError

COMMANDS = {
    "validate": "check a folder of policies: schema, semantics, lock",
    "test": "run the policies' own cases",
    "explain": "say which policy applies to files, why, and what it does to each element",
    "conformance": "write what a policy does, as a conformance statement has to say it",
    "diff": "say what changes between two versions of a policy, in meaning, not text",
    "new": "write a new policy with its cases",
    "import": "take over the rules of another de-identifier as a policy with cases",
    "deidentify": "de-identify a folder into another folder, without Orthanc",
    "up": "start the gateway, a research Orthanc and the workers",
    "service": "read Orthanc's change log and answer REST requests (started by the plugin)",
    "worker": "run a worker",
    "status": "say how the gateway is",
    "held": "list held studies with their reasons; re-evaluate, release or reject them",
    "policies": "see, check, test, preview, activate and take back policies of the gateway",
    "audit": "list the audit trail, or check its chain",
    "destinations": "list destinations and their queues; test, pause, resume, retry, cancel",
    "run": "process studies of an archive under a policy, throttled and resumable",
    "schema": "print the JSON Schema of a policy",
    "lock": "write pack.lock, the digests of all policy versions",
    "keygen": "write a new key file",
}


def _module(command: str) -> ModuleType:
    # `import` is a word of Python, and no name of a module.
    name = f"{command}_" if keyword.iskeyword(command) else command
    return importlib.import_module(f"gatehouse.commands.{name}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code (0 fine, 1 finding, 2 unusable)."""
    gc.disable()  # what is imported stays: to look through it for garbage is a tenth of the start
    try:
        module, arguments = _parse(list(sys.argv[1:] if argv is None else argv))
    finally:
        gc.enable()
    try:
        return int(module.run(arguments))
    except GatehouseError as error:
        print(f"gatehouse: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read the output (`| head`) has enough. Python would complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parse(words: list[str]) -> tuple[ModuleType, argparse.Namespace]:
    """Return the command's module and its arguments."""
    parser = argparse.ArgumentParser(
        prog="gatehouse",
        description="De-identification and routing gateway for medical images.",
    )
    parser.add_argument("--version", action="version", version=f"gatehouse {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    if words and words[0] in COMMANDS:
        module, text = _module(words[0]), COMMANDS[words[0]]
        module.add_arguments(commands.add_parser(words[0], help=text, description=text))
        return module, parser.parse_args(words)
    for name, text in COMMANDS.items():
        commands.add_parser(name, help=text, description=text)
    arguments = parser.parse_args(words)
    return _module(arguments.command), arguments


if __name__ == "__main__":
    raise SystemExit(main())
