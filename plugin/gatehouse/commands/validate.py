"""``gatehouse validate``: check a folder of policies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gatehouse.adapters.orthanc_json import read_orthanc_json
from gatehouse.adapters.plugin_configuration import SECTION, destinations_of
from gatehouse.adapters.policy_files import placed, read_folder, schema_texts
from gatehouse.commands.folder import add_folder_argument
from gatehouse.errors import ConfigurationError
from gatehouse.policy.build_deliver import DestinationNames
from gatehouse.policy.load import load_pack
from gatehouse.policy.model import Problem
from gatehouse.policy.report import render
from gatehouse.policy.safe_harbor import safe_harbor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_folder_argument(parser)
    parser.add_argument(
        "--orthanc",
        metavar="FILE",
        type=Path,
        help="Orthanc's configuration: check that the destinations of the policies are in it",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="say which of the HIPAA Safe Harbor's identifiers A to R each policy covers",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print all problems and a summary; 1 if one of them is an error."""
    folder = arguments.folder
    destinations = _destinations(arguments.orthanc) if arguments.orthanc else None
    files = read_folder(folder)
    pack, problems = load_pack(files, destinations)
    problems += _stale_schemas(files)
    for problem in placed(folder, problems):
        print(render(problem), file=sys.stderr)
    print(f"{folder}: {_summary(problems)}")
    if pack is None:
        return 1
    for policy in pack.policies:
        print(f"  {policy.name}, version {policy.version}, {policy.stage}")
        if arguments.report:
            for one in safe_harbor(policy):
                why = f" ({one.why})" if one.why else ""
                print(f"    {one.letter} {one.name}: {one.verdict}{why}")
    print(f"  digest {pack.digest}")
    return 0


def _summary(problems: tuple[Problem, ...]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    if not problems:
        return "no problems"
    return f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _stale_schemas(files: dict[str, bytes]) -> tuple[Problem, ...]:
    return tuple(
        Problem(
            name,
            1,
            "the schema is not that of this version; editors check by an old one",
            "write it again with `gatehouse schema --write DIR`",
            "warning",
        )
        for name, text in schema_texts().items()
        if name in files and files[name] != text.encode()
    )


def _destinations(file: Path) -> DestinationNames:
    try:
        configuration = read_orthanc_json(file.read_text(encoding="utf-8"), {}, str(file))
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}") from None
    return destinations_of(configuration, configuration.get(SECTION) or {})
