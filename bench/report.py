"""Tables for the terminal, and the JSON file that docs/performance.md is written from."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.compare import Comparison
from bench.data import STUDIES
from bench.measure import median_cost
from bench.targets import ENGINE_TARGETS, TARGETS, Target

BEGIN = "<!-- figures: written by `make bench ARGS=--write` -->"
END = "<!-- end of figures -->"


@dataclass(slots=True)
class Results:
    """What was measured, as it comes."""

    machine: dict[str, str] = field(default_factory=lambda: describe_machine())
    tools: dict[str, dict[str, str]] = field(default_factory=dict)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    tables: list[tuple[str, str]] = field(default_factory=list)

    def add_table(self, title: str, text: str) -> None:
        """Print a table, and keep it for the document."""
        self.tables.append((title, text))
        print(f"\n{title}\n\n{text}", flush=True)

    def as_json(self) -> str:
        """Return all figures."""
        return json.dumps(asdict(self), indent=1) + "\n"

    def write_into(self, document: Path) -> None:
        """Put the tables between the two marks of a document."""
        before, _, rest = document.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        about = "\n".join(f"- {name}: {value}" for name, value in self.machine.items())
        tools = [[name, tool["version"], tool["leaves"]] for name, tool in self.tools.items()]
        parts = [about, "### Tools", table(["tool", "version", "what it leaves undone"], tools)]
        for title, text in self.tables:
            parts += [f"### {title}", text]
        body = "\n\n".join(parts)
        document.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")


def describe_machine() -> dict[str, str]:
    """Return what the figures came from: processor, memory, system, versions, date."""
    processor = _value_of("/proc/cpuinfo", "model name") or platform.processor()
    memory_gib = int((_value_of("/proc/meminfo", "MemTotal") or "0").split()[0]) / 2**20
    system = _value_of("/etc/os-release", "PRETTY_NAME", "=").strip('"')
    return {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "memory": f"{memory_gib:.0f} GiB",
        "system": f"{system}, Linux {platform.release()}",
        "python": platform.python_version(),
        "orthanc": _orthanc_version(),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "load": f"{os.getloadavg()[0]:.1f} before the run",
    }


def ratios_table(comparisons: Sequence[Comparison], base: str, figure: str) -> str:
    """Return a table of ratios over one of our tools, a line per tool and a column per study.

    Parameters
    ----------
    comparisons : sequence of Comparison
        What was measured.
    base : str
        The tool that is 1.
    figure : str
        ``"wall_s"`` or ``"cpu_s"``.
    """
    return _table_of(
        [comparison for comparison in comparisons if comparison.base == base],
        lambda comparison: f"{getattr(comparison.ratio, figure):.2f}",
    )


def peaks_table(comparisons: Sequence[Comparison]) -> str:
    """Return a table of the largest memory of any process, in MiB."""
    return _table_of(comparisons, lambda comparison: f"{comparison.theirs.peak_mib:.0f}")


def ours_table(comparisons: Sequence[Comparison]) -> str:
    """Return what our own tools took, over all their runs."""
    rows = []
    for study in _studies(comparisons):
        for base in dict.fromkeys(comparison.base for comparison in comparisons):
            runs = [
                ours
                for comparison in comparisons
                if (comparison.base, comparison.study) == (base, study)
                for ours, _ in comparison.pairs
            ]
            cost, files = median_cost(runs), STUDIES[study].instances
            row = [study, base, f"{cost.wall_s:.3f}", f"{files / cost.wall_s:.0f}"]
            rows.append([*row, f"{cost.cpu_s:.3f}", f"{cost.peak_mib:.0f}"])
    return table(["study", "tool", "wall s", "instances/s", "cpu s", "peak MiB"], rows)


def engine_targets_table(figures: Mapping[str, float], bases: Sequence[str]) -> str:
    """Return the targets of the CT study, with a column for each of our tools."""
    rows = []
    for target in ENGINE_TARGETS:
        cells = [_cell(target, figures.get(f"ct/{base}/{target.figure}")) for base in bases]
        rows.append([target.what, _bound(target), *cells])
    return table(["CT, wall", "target (stretch)", *bases], rows)


def targets_table(figures: Mapping[str, float]) -> str:
    """Return the other targets beside what was measured."""
    rows = [
        [target.what, _bound(target), _cell(target, figures.get(target.figure))]
        for target in TARGETS
    ]
    return table(["what", "target (stretch)", "measured"], rows)


def _bound(target: Target) -> str:
    most = "at most" if target.is_most else "at least"
    return f"{most} {target.bound:g}{target.unit} ({target.stretch:g})"


def _cell(target: Target, figure: float | None) -> str:
    if figure is None:
        return "not measured"
    verdict = "reached" if target.is_reached_by(figure) else "MISSED"
    return f"{figure:.2f}{target.unit} {verdict}"


def _table_of(comparisons: Sequence[Comparison], cell: Callable[[Comparison], str]) -> str:
    studies = _studies(comparisons)
    cells = {(comparison.tool, comparison.study): cell(comparison) for comparison in comparisons}
    tools = dict.fromkeys(comparison.tool for comparison in comparisons)
    rows = [[tool, *(cells.get((tool, study), "-") for study in studies)] for tool in tools]
    return table(["tool", *studies], rows)


def _studies(comparisons: Sequence[Comparison]) -> list[str]:
    return list(dict.fromkeys(comparison.study for comparison in comparisons))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are as wide as their longest cell."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def _value_of(file: str, key: str, separator: str = ":") -> str:
    for line in Path(file).read_text().splitlines():
        name, _, value = line.partition(separator)
        if name.strip() == key:
            return value.strip()
    return ""


def _orthanc_version() -> str:
    if shutil.which("Orthanc") is None:
        return "not installed"
    result = subprocess.run(["Orthanc", "--version"], capture_output=True, text=True, check=False)
    return result.stdout.splitlines()[0] if result.stdout else "unknown"
