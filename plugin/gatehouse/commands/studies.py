"""Read studies from files for the commands that decide about them; no command of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatehouse.errors import GatehouseError, HoldError
from gatehouse.policy.facts import extract
from gatehouse.policy.model import InstanceFacts, Origin

FILES_MAX = 100_000


@dataclass(frozen=True, slots=True)
class File:
    """A DICOM file, and what policies may look at in it."""

    path: Path
    facts: InstanceFacts


def add_origin_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare from where files are taken to have come."""
    origin = parser.add_argument_group("where the files are taken to come from")
    origin.add_argument("--called-aet", metavar="AET", default="", help="AE title that was called")
    origin.add_argument("--calling-aet", metavar="AET", default="", help="AE title of the sender")
    origin.add_argument(
        "--protocol", default="", choices=["dicom", "http", "plugin", "lua"], help="how they came"
    )
    origin.add_argument("--remote-address", metavar="IP", default="", help="address of the sender")
    origin.add_argument("--user", default="", help="user of Orthanc, if they came over HTTP")


def origin_of(arguments: argparse.Namespace) -> Origin:
    """Return the origin that the arguments describe."""
    return Origin(
        protocol=arguments.protocol,
        calling_aet=arguments.calling_aet,
        called_aet=arguments.called_aet,
        remote_address=arguments.remote_address,
        user=arguments.user,
    )


def read_studies(
    paths: Sequence[Path], names: Collection[str], origin: Origin
) -> tuple[list[list[File]], int]:
    """Return the studies among files and folders, and how many files could not be read.

    What can't be read is named on the standard error.
    """
    studies: dict[tuple[str, ...], list[File]] = {}
    unreadable = 0
    for path in _walk(paths):
        try:
            facts = extract(path.read_bytes(), names)
        except (HoldError, OSError) as error:
            print(f"{path}: {_reason(error)}", file=sys.stderr)
            unreadable += 1
            continue
        file = File(path, InstanceFacts(str(path), origin, facts))
        studies.setdefault(facts["StudyInstanceUID"], []).append(file)
    return list(studies.values()), unreadable


def _reason(error: HoldError | OSError) -> str:
    if isinstance(error, HoldError):
        return f"would be held by {error.rule}: {error.reason}"
    return f"can't be read: {error.strerror}"


def _walk(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files, and the files in folders, without following links in them."""
    count = 0
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in inside:
            if path.is_dir() and (file.is_symlink() or not file.is_file()):
                continue
            count += 1
            if count > FILES_MAX:
                raise GatehouseError(f"these are more than {FILES_MAX} files")
            yield file
