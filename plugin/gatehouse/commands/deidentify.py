"""``gatehouse deidentify``: a folder of DICOM files into another folder, without Orthanc.

The same engine and verification as in the gateway. Outputs are
OUT/PATIENT/STUDY/SERIES/INSTANCE.dcm, by new identifiers; nothing of an original name is in them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gatehouse.adapters.folder_maps import REPORT, FolderMaps
from gatehouse.adapters.folder_run import FolderRun, Totals
from gatehouse.adapters.keys import read_key_file
from gatehouse.adapters.policy_files import load_policy
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.errors import ConfigurationError, PolicyError
from gatehouse.policy.model import Policy

JOBS_MAX = 256
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("source", metavar="IN", type=Path, help="the folder to read")
    parser.add_argument(
        "target", metavar="OUT", type=Path, help="the folder to write; made if it is not there"
    )
    parser.add_argument(
        "--policies", metavar="DIR", type=Path, required=True, help="the folder with the policy"
    )
    parser.add_argument(
        "--policy",
        metavar="NAME",
        required=True,
        help="the policy: DIR/NAME/NAME.yaml or DIR/NAME.yaml; no lock or pack is needed",
    )
    parser.add_argument(
        "--key-file", metavar="FILE", type=Path, required=True, help="the master key"
    )
    parser.add_argument(
        "--maps",
        metavar="DIR",
        type=Path,
        required=True,
        help="the private folder for report.jsonl, uids.csv and patients.csv; they identify",
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="how many processes work; default: as many as cores",
    )


def run(arguments: argparse.Namespace) -> int:
    """De-identify the folder; 0 if each file was de-identified or held by rule, 1 if one failed."""
    if not 1 <= arguments.jobs <= JOBS_MAX:
        raise ConfigurationError(f"--jobs is {arguments.jobs}, and may be 1 to {JOBS_MAX}")
    policy = _policy(arguments.policies, arguments.policy)
    if policy.recipe.profile == "none":
        raise PolicyError(f"the policy {policy.name} forwards studies as they are")
    plan = compile_plan(policy.recipe)
    keys = derive_project_keys(read_key_file(arguments.key_file), policy.recipe.project)
    source, target, maps = _folders(arguments)
    work = FolderRun(source, target, policy, plan, keys, FolderMaps(maps), arguments.jobs)
    try:
        with _progress() as (begin, step):
            totals = work.run(begin, step)
    except KeyboardInterrupt:
        print("gatehouse: stopped; the same command goes on where it was", file=sys.stderr)
        return 1
    _print(totals, maps)
    return 1 if totals.failed else 0


def _policy(folder: Path, name: str) -> Policy:
    if not _NAME.fullmatch(name):
        raise PolicyError(f"{name!r} is no name of a policy")
    for file in (folder / name / f"{name}.yaml", folder / f"{name}.yaml"):
        if file.is_file():
            return load_policy(file)
    raise PolicyError(f"there is no policy {name} in {folder}")


def _folders(arguments: argparse.Namespace) -> tuple[Path, Path, Path]:
    """Return the three folders, resolved; each of them apart from the others."""
    source = arguments.source.resolve()
    if not source.is_dir():
        raise ConfigurationError(f"{arguments.source} is not a folder")
    target, maps = arguments.target.resolve(), arguments.maps.resolve()
    for one, name, other, other_name in (
        (target, "OUT", source, "IN"),
        (source, "IN", target, "OUT"),
        (maps, "the maps", target, "OUT"),
        (target, "OUT", maps, "the maps"),
        (maps, "the maps", source, "IN"),
    ):
        if one.is_relative_to(other):
            raise ConfigurationError(f"{name} ({one}) may not be in {other_name} ({other})")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {target} can't be made: {os.strerror(error.errno or 0)}"
        ) from None
    return source, target, maps


@contextmanager
def _progress() -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _total: None, lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    # Without its thread: processes are forked while the bar is there.
    bar = Progress(
        "[progress.description]{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
    )
    with bar:
        task = bar.add_task("looking at the files", total=None)

        def begin(total: int) -> None:
            bar.update(task, total=total)
            bar.refresh()

        def step() -> None:
            bar.update(task, advance=1, description="de-identifying")
            done = bar.tasks[0].completed
            if done % 16 == 0 or done == bar.tasks[0].total:
                bar.refresh()

        yield begin, step


def _print(totals: Totals, maps: Path) -> None:
    outcomes = totals.outcomes
    before = f" ({totals.done_before} of them before)" if totals.done_before else ""
    print(
        f"{outcomes['deidentified']} de-identified{before}, {outcomes['held']} held, "
        f"{outcomes['rejected']} rejected"
    )
    for (outcome, rule, reason), count in sorted(totals.reasons.items()):
        print(f"  {count} {outcome} by {rule}: {reason}")
    print(f"What became of each file: {maps / REPORT}")
