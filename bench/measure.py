"""Runs whole processes and says what they cost; pairs of runs give ratios.

Absolute times on a shared machine mean little. So two tools are always run one after the other, A B
A B, and what is reported is the median of the ratios of neighbours.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SPAWN = Path(__file__).parent / "spawn.py"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took.

    Parameters
    ----------
    wall_s, cpu_s : float
        Wall time, and user plus system time of the process and of its children.
    peak_mib : float
        Largest resident set of any one of its processes; never below the 9 MiB of ``spawn.py``.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


class RunError(Exception):
    """A tool ended with an error, or wrote fewer files than it was given."""


def run(argv: Sequence[str], log: Path) -> Cost:
    """Run a command to its end and measure it.

    Parameters
    ----------
    argv : sequence of str
        Program and arguments.
    log : pathlib.Path
        Where its output goes.

    Raises
    ------
    RunError
        If it does not end with exit code 0.

    Notes
    -----
    Works in the folder of `log`: the Python of a peer must not find modules of ours by accident.
    """
    spawned = subprocess.run(
        [sys.executable, "-I", "-S", str(SPAWN), str(log), *argv],
        check=True,
        capture_output=True,
        cwd=log.parent,
    )
    code, wall_s, cpu_s, peak_mib = json.loads(spawned.stdout)
    if code != 0:
        last_words = log.read_text(errors="replace")[-2000:]
        raise RunError(f"{argv[0]} ended with {code}:\n{last_words}")
    return Cost(wall_s, cpu_s, peak_mib)


def count_files(folder: Path) -> int:
    """Count the files in a folder and below."""
    return sum(len(files) for _, _, files in os.walk(folder))


def empty(folder: Path) -> Path:
    """Make a folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Return the medians of each figure."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        statistics.median(cost.peak_mib for cost in costs),
    )


def median_ratio(pairs: Sequence[tuple[Cost, Cost]]) -> Cost:
    """Return the medians of second over first, of each figure."""
    return median_cost(
        [
            Cost(
                second.wall_s / first.wall_s,
                second.cpu_s / max(first.cpu_s, 0.001),
                second.peak_mib / first.peak_mib,
            )
            for first, second in pairs
        ]
    )
