"""``gatehouse run``: process studies that are in an archive already, under a policy by name."""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.commands.gateway import FINDING, FINE, add_gateway_arguments, ask, gateway_of
from gatehouse.errors import ConfigurationError
from gatehouse.policy.units import WINDOW_PATTERN

AT_ONCE = 50
"""Queries in one request."""

LOOK_S = 1.0
OVER = ("done", "cancelled")
ACCESSION = "AccessionNumber"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--policy", metavar="NAME", help="the active policy to process them under")
    which = parser.add_argument_group("which studies")
    which.add_argument(
        "--find",
        metavar="ATTRIBUTE=VALUE",
        nargs="+",
        default=[],
        help="those that match all of these, e.g. StudyDate=20200101-20201231",
    )
    which.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="those with the accession numbers in the column AccessionNumber, or in the first one",
    )
    which.add_argument(
        "--from",
        dest="modality",
        default="",
        metavar="MODALITY",
        help="ask this PACS (a key of DicomModalities) and fetch them by C-MOVE, instead of "
        "looking in the gateway's own archive",
    )
    how = parser.add_argument_group("how fast")
    how.add_argument("--at-once", type=int, default=2, metavar="N", help="studies (default: 2)")
    how.add_argument("--per-hour", type=float, metavar="N", help="studies begun in an hour")
    how.add_argument("--window", default="", metavar="HH:MM-HH:MM", help="local times to begin in")
    parser.add_argument(
        "--no-wait", action="store_true", help="return at once; the run goes on in the gateway"
    )
    runs = parser.add_argument_group("runs that are there").add_mutually_exclusive_group()
    runs.add_argument("--list", action="store_true", help="list them")
    for word, text in (
        ("show", "follow one"),
        ("pause", "begin no more of its studies"),
        ("resume", "go on with one"),
        ("cancel", "end one"),
    ):
        runs.add_argument(f"--{word}", type=int, metavar="RUN", help=text)
    add_gateway_arguments(parser)
    parser.epilog = (
        "Interrupting the command does not end the run: see it with --show. Exit code: 0 if all "
        "studies were delivered, 1 if some were held, rejected or not found, 2 if it was not done."
    )


def run(arguments: argparse.Namespace) -> int:
    """Make a run and follow it, or do what is asked for."""
    gateway = gateway_of(arguments)
    if arguments.list:
        answer = ask(gateway, "GET", "runs")
        for one in answer["runs"]:
            print(_words(one))
        return FINE
    for word, path in (("pause", "pause"), ("resume", "begin"), ("cancel", "cancel")):
        number = getattr(arguments, word)
        if number is not None:
            print(_words(ask(gateway, "POST", f"runs/{number}/{path}")))
            return FINE
    number, missed = (arguments.show, 0)
    if number is None:
        number, missed = _create(gateway, arguments)
    if arguments.no_wait:
        print(f"run {number} goes on in the gateway; follow it with --show {number}")
        return FINDING if missed else FINE
    return _follow(gateway, number, arguments.json, missed)


def _create(gateway: OrthancHttp, arguments: argparse.Namespace) -> tuple[int, int]:
    """Make a run, fill it, and begin it; return its number, and how many found no study."""
    if not arguments.policy:
        raise ConfigurationError("--policy is needed")
    queries = list(_queries(arguments.find, arguments.csv))
    if not queries:
        raise ConfigurationError("nothing says which studies: --find or --csv")
    if arguments.window and not re.match(WINDOW_PATTERN, arguments.window):
        raise ConfigurationError("--window takes two times of day, such as 18:00-07:00")
    about = {
        "policy": arguments.policy,
        "modality": arguments.modality,
        "at_once": arguments.at_once,
        "per_hour": arguments.per_hour,
        "window": arguments.window,
    }
    number = int(ask(gateway, "POST", "runs", about)["id"])
    added, missed = 0, []
    for start in range(0, len(queries), AT_ONCE):
        part = queries[start : start + AT_ONCE]
        answer = ask(gateway, "POST", f"runs/{number}/studies", {"queries": part})
        added += answer["added"]
        missed += [start + one for one in answer["nothing_found"]]
    for one in missed:
        # The number of the line, not what is in it.
        place = f"accession number {one + 1}" if arguments.csv else "the query"
        print(f"run {number}: {place} found no study", file=sys.stderr)
    print(f"run {number}: {added} studies under the policy {arguments.policy}", file=sys.stderr)
    ask(gateway, "POST", f"runs/{number}/begin")
    return number, len(missed)


def _queries(find: Sequence[str], file: Path | None) -> Iterator[dict[str, str]]:
    common: dict[str, str] = {}
    for word in find:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ConfigurationError("--find takes words like StudyDate=20200101-20201231")
        common[name] = value
    if file is None:
        if common:
            yield common
        return
    for number in _accession_numbers(file):
        yield {**common, ACCESSION: number}


def _accession_numbers(file: Path) -> list[str]:
    """Return the accession numbers of a CSV file, each once."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise ConfigurationError(f"{file} is no CSV file in UTF-8") from None
    column = 0
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    if ACCESSION.lower() in names:
        column = names.index(ACCESSION.lower())
        rows = rows[1:]
    found = [row[column].strip() for row in rows if len(row) > column and row[column].strip()]
    wrong = [number for number in found if any(sign in number for sign in "*?\\")]
    if wrong:
        raise ConfigurationError(f"{file} has accession numbers with wildcards, which find others")
    return list(dict.fromkeys(found))


def _follow(gateway: OrthancHttp, number: int, as_json: bool, missed: int) -> int:
    """Say how far a run is until it is over."""
    said = ""
    while True:
        answer = ask(gateway, "GET", f"runs/{number}")
        words = _words(answer)
        if words != said and not as_json:
            print(words, flush=True)
            said = words
        if answer["state"] in OVER or answer["state"] == "paused":
            break
        time.sleep(LOOK_S)
    if as_json:
        print(json.dumps(answer, indent=2))
    counts = answer["counts"]
    is_well = answer["state"] == "done" and set(counts) <= {"done", "skipped"} and not missed
    return FINE if is_well else FINDING


def _words(one: dict[str, Any]) -> str:
    counts = one["counts"]
    total = sum(counts.values())
    over = sum(counts.get(state, 0) for state in ("done", "held", "rejected", "failed", "skipped"))
    parts = ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "empty"
    return f"run {one['id']} ({one['policy']}): {one['state']}, {over} of {total} studies: {parts}"
