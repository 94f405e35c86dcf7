"""Whether the cost per instance grows with the number of instances."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

from bench.compare import measure_once
from bench.data import STUDIES, write_copies
from bench.tools import Tool

FEW, MANY = 200, 5_000
ROUNDS = 3


def cost_of_many_over_few(tool: Tool, scratch: Path) -> float:
    """Return the ratio of the costs of one more instance, in user plus system time.

    Notes
    -----
    Start-up is left out by taking the difference to a run over a single instance.
    """
    sources = [scratch / name for name in ("one", "few", "many")]
    for folder, instances in zip(sources, (1, FEW, MANY), strict=True):
        write_copies(STUDIES["mr"], folder, instances, seed="growth")
    ratios = []
    for _ in range(ROUNDS):
        start_s, few_s, many_s = (measure_once(tool, source, scratch).cpu_s for source in sources)
        ratios.append(((many_s - start_s) / (MANY - 1)) / ((few_s - start_s) / (FEW - 1)))
    for folder in sources:
        shutil.rmtree(folder)
    return statistics.median(ratios)
