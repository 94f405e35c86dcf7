"""The tools that are measured, each as a command that turns a folder into another.

Peers get tasks as equal as they allow; what each leaves undone is said in the report, since a tool
that does less is quicker for it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PEERS_PYTHON = HERE / ".venv" / "bin" / "python"
IMAGES = frozenset({"ct", "mr", "dx", "us", "enhanced-mr"})
ALL = IMAGES | {"sr"}
ENGINE = "engine alone"

# What dcmodify changes: the attributes that identify most directly, at every depth.
DCMODIFY_EDITS = (
    *("-ma", "(0008,0050)=A1"),
    *("-ma", "(0008,0080)=REMOVED"),
    *("-ma", "(0008,0081)=REMOVED"),
    *("-ma", "(0008,0090)=REMOVED"),
    *("-ma", "(0008,1010)=REMOVED"),
    *("-ma", "(0008,1030)=REMOVED"),
    *("-ma", "(0008,1050)=REMOVED"),
    *("-ma", "(0008,1060)=REMOVED"),
    *("-ma", "(0008,1070)=REMOVED"),
    *("-ma", "(0010,0010)=REMOVED"),
    *("-ma", "(0010,0020)=REMOVED"),
    *("-ma", "(0010,0030)=19000101"),
    *("-ea", "(0010,1000)"),
    *("-ea", "(0010,1040)"),
    *("-ea", "(0010,2154)"),
    *("-ea", "(0010,21b0)"),
    "-gst",
    "-gse",
    "-gin",
    "-ep",
)


@dataclass(frozen=True, slots=True)
class Work:
    """One run: what a command needs to know."""

    source: Path
    target: Path
    scratch: Path
    """Folder for keys, maps and certificates; kept between runs."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A command under test.

    Parameters
    ----------
    name : str
        As in the report.
    version : callable
        Returns its version, for the report.
    command : callable
        Returns program and arguments for a piece of work.
    studies : frozenset of str
        Which generated studies it is measured on.
    leaves : str
        What of the Basic Profile it does not do, in plain words.
    """

    name: str
    version: Callable[[], str]
    command: Callable[[Work], Sequence[str]]
    studies: frozenset[str]
    leaves: str


def gatehouse_command(jobs: int) -> Tool:
    """Return our own command with so many processes."""

    def command(work: Work) -> Sequence[str]:
        maps = work.scratch / "maps"
        return (
            *(str(Path(sys.executable).parent / "gatehouse"), "deidentify"),
            *("--policies", str(HERE / "policies"), "--policy", "bench"),
            *("--key-file", str(work.scratch / "master.key"), "--maps", str(maps)),
            *("--jobs", str(jobs), str(work.source), str(work.target)),
        )

    return Tool(command_name(jobs), _gatehouse_version, command, ALL, "")


def command_name(jobs: int) -> str:
    """Return the name of our command with so many processes."""
    return f"gatehouse, {jobs} job{'s' * (jobs > 1)}"


def engine() -> Tool:
    """Return the engine alone, which nobody should use: what it writes was not verified."""

    def command(work: Work) -> Sequence[str]:
        script = str(HERE / "engine_files.py")
        return (sys.executable, script, str(work.source), str(work.target))

    return Tool(ENGINE, _gatehouse_version, command, ALL, "verification, report and maps")


def peers() -> tuple[Tool, ...]:
    """Return the other tools that work from folder to folder."""
    return (
        Tool(
            "cp -r",
            lambda: _first_line("cp", "--version"),
            lambda work: ("cp", "-r", f"{work.source}/.", str(work.target)),
            ALL,
            "everything: it only copies",
        ),
        Tool(
            "gdcmanon -e",
            lambda: _first_line("gdcmanon", "--version"),
            lambda work: (
                *("gdcmanon", "-e", "-c", str(work.scratch / "certificate.pem")),
                *("-r", "-i", str(work.source), "-o", str(work.target)),
            ),
            ALL,
            "the table of 2008 (about 50 attributes), top level only; private elements stay; adds "
            "the originals, encrypted",
        ),
        Tool(
            "dcmodify",
            lambda: _first_line("dcmodify", "--version"),
            _dcmodify,
            ALL,
            "20 edits instead of 657 rows; new UIDs at random for each file, references dangle; "
            "works in place, so a copy comes first",
        ),
        Tool(
            "dicom-anonymizer",
            lambda: _peer_version("dicom_anonymizer"),
            lambda work: (
                *(str(PEERS_PYTHON), "-m", "dicomanonymizer.anonymizer"),
                *(str(work.source), str(work.target)),
            ),
            ALL,
            "the table of 2023, top level only: a nested Patient Name stays; random UIDs",
        ),
        Tool(
            "dicognito",
            lambda: _peer_version("dicognito"),
            lambda work: (
                *(str(PEERS_PYTHON), "-m", "dicognito", "--quiet", "--seed", "bench"),
                *("--output-directory", str(work.target), str(work.source)),
            ),
            ALL,
            "about 90 attributes at every depth, no descriptors; private elements stay",
        ),
        Tool(
            "deid",
            lambda: _peer_version("deid"),
            lambda work: (
                *(str(PEERS_PYTHON), str(HERE / "deid_task.py")),
                *(str(work.source), str(work.target), str(work.scratch / "deid.recipe")),
            ),
            frozenset({"ct"}),
            "our table as its recipe, compound codes by their first letter; no repeating groups",
        ),
    )


def _dcmodify(work: Work) -> Sequence[str]:
    script = 'cp -r "$1/." "$2" && shift && target=$1 && shift && dcmodify "$@" "$target"/*'
    quiet = ("-q", "-nb", "-imt", "-ie")
    return ("sh", "-c", script, "sh", str(work.source), str(work.target), *quiet, *DCMODIFY_EDITS)


def _gatehouse_version() -> str:
    from gatehouse import __version__

    return __version__


def _first_line(*argv: str) -> str:
    result = subprocess.run(argv, capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).splitlines()
    return lines[0].strip("$ ") if lines else "unknown"


def _peer_version(distribution: str) -> str:
    script = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    return _first_line(str(PEERS_PYTHON), "-c", script)
