"""Folder to folder: every tool beside ours, in pairs of neighbouring runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.data import prepared
from bench.measure import Cost, RunError, count_files, empty, median_cost, median_ratio, run
from bench.orthanc_server import PlainOrthanc
from bench.tools import Tool, Work

ORTHANC = "Orthanc /anonymize"
TABLE = Path(__file__).parents[1] / "tools" / "standard" / "ps3_15_2026d_table_E1-1.json"
DEID_ACTIONS = {"X": "REMOVE {}", "Z": "BLANK {}", "D": "REPLACE {} REMOVED"}


@dataclass(slots=True)
class Comparison:
    """The pairs of runs on one study: one of our tools, then another's right after it."""

    base: str
    tool: str
    study: str
    pairs: list[tuple[Cost, Cost]] = field(default_factory=list)

    @property
    def ours(self) -> Cost:
        """Medians of the runs of our tool."""
        return median_cost([first for first, _ in self.pairs])

    @property
    def theirs(self) -> Cost:
        """Medians of the other's runs."""
        return median_cost([second for _, second in self.pairs])

    @property
    def ratio(self) -> Cost:
        """Medians of theirs over ours; above 1, ours is quicker or smaller."""
        return median_ratio(self.pairs)


def prepare(scratch: Path) -> None:
    """Write what the tools need: a key, a certificate, a recipe."""
    key = scratch / "master.key"
    key.write_bytes(bytes(range(64)))
    key.chmod(0o600)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-batch", "-days", "2"),
            *("-subj", "/CN=bench", "-keyout", str(scratch / "certificate.key")),
            *("-out", str(scratch / "certificate.pem")),
        ],
        check=True,
        capture_output=True,
    )
    (scratch / "deid.recipe").write_text("\n".join(_deid_recipe()) + "\n")


def measure_once(tool: Tool, source: Path, scratch: Path, target: str = "target") -> Cost:
    """Run a tool over a folder into an empty one, and check that it wrote every file.

    Parameters
    ----------
    target : str
        Name of the folder that it writes into.

    Raises
    ------
    RunError
        If it failed or left files out: half a task is no comparison.
    """
    work = Work(source, empty(scratch / target), scratch)
    empty(scratch / "maps").chmod(0o700)
    cost = run(tool.command(work), scratch / "run.log")
    wanted, found = count_files(source), count_files(work.target)
    if found < wanted:
        last_words = (scratch / "run.log").read_text(errors="replace")[-2000:]
        raise RunError(f"{tool.name} wrote {found} of {wanted} files:\n{last_words}")
    return cost


def compare(
    bases: Sequence[Tool], others: Sequence[Tool], study: str, rounds: int, scratch: Path
) -> Iterator[Comparison]:
    """Run our tools and another one in turn, so many rounds, for each other one, on one study."""
    source = prepared(study)
    for base in bases:
        measure_once(base, source, scratch)  # warms the page cache and the byte code
    comparisons = {
        (base.name, other.name): Comparison(base.name, other.name, study)
        for other in others
        for base in bases
    }
    for number in range(rounds):
        for other in others:
            if number and other.name == "deid":
                continue  # a hundred times slower: one round must do
            ours = {base.name: measure_once(base, source, scratch) for base in bases}
            theirs = measure_once(other, source, scratch)
            for name, cost in ours.items():
                comparisons[name, other.name].pairs.append((cost, theirs))
    yield from comparisons.values()


def compare_with_orthanc(
    bases: Sequence[Tool], studies: Sequence[str], rounds: int, scratch: Path
) -> Iterator[Comparison]:
    """Do the same beside Orthanc's own anonymization of a stored study, which stores its result."""
    with PlainOrthanc(empty(scratch / "orthanc")) as orthanc:
        for study in studies:
            source = prepared(study)
            stored = orthanc.upload(source)
            comparisons = {base.name: Comparison(base.name, ORTHANC, study) for base in bases}
            for _ in range(rounds):
                ours = {base.name: measure_once(base, source, scratch) for base in bases}
                theirs = orthanc.anonymize(stored)
                for name, cost in ours.items():
                    comparisons[name].pairs.append((cost, theirs))
            orthanc.delete(stored)
            yield from comparisons.values()


def _deid_recipe() -> Iterator[str]:
    """Write our table as a recipe of deid: the first letter of compound codes."""
    yield "FORMAT dicom"
    yield "%header"
    for row in json.loads(TABLE.read_text())["rows"]:
        tag = row["tag"].strip("()").replace(",", "")
        action = (row["basic_profile"] or "X")[0]
        if "x" in tag:
            continue  # deid has no repeating groups
        template = DEID_ACTIONS.get(action, "REPLACE {} func:new_uid")
        yield template.format(tag)
