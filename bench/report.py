"""Tables for the terminal, and the JSON file that docs/performance.md is written from."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.compare import Comparison
from bench.targets import TARGETS


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


def ratios_table(comparisons: Sequence[Comparison], figure: str) -> str:
    """Return a table of ratios, a line per tool and a column per study.

    Parameters
    ----------
    comparisons : sequence of Comparison
        What was measured.
    figure : str
        ``"wall_s"``, ``"cpu_s"`` or ``"peak_mib"``.
    """
    studies = list(dict.fromkeys(comparison.study for comparison in comparisons))
    cells = {
        (comparison.tool, comparison.study): f"{getattr(comparison.ratio, figure):.2f}"
        for comparison in comparisons
    }
    tools = list(dict.fromkeys(comparison.tool for comparison in comparisons))
    rows = [[tool, *(cells.get((tool, study), "-") for study in studies)] for tool in tools]
    return table(["tool", *studies], rows)


def targets_table(figures: Mapping[str, float]) -> str:
    """Return targets beside what was measured; a missed target says so."""
    rows = []
    for target in TARGETS:
        figure = figures.get(target.figure)
        most = "at most" if target.is_most else "at least"
        bound = f"{most} {target.bound:g}{target.unit} ({target.stretch:g})"
        if figure is None:
            rows.append([target.what, bound, "-", "not measured"])
        else:
            verdict = "reached" if target.is_reached_by(figure) else "MISSED"
            rows.append([target.what, bound, f"{figure:.2f}{target.unit}", verdict])
    return table(["what", "target (stretch)", "measured", ""], rows)


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
