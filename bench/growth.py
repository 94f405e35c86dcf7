"""What many instances show: whether each of them costs more, and what a second process gains."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

from bench.compare import measure_once
from bench.data import STUDIES, write_copies
from bench.measure import Cost
from bench.tools import Tool

FEW, MANY = 200, 5_000
REPORTS = 1_000
ROUNDS = 3
SPEED_UP_ROUNDS = 5


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


def speed_up(one: Tool, many: Tool, scratch: Path) -> float:
    """Return the wall time of one process over that of many, on so much work that start-up is lost.

    Notes
    -----
    Reports have no pixels to speak of: this is the part that a processor limits, not a disk. Every
    run writes into a folder of its own, and all are removed at the end: where ext4 has no journal,
    it looks at each inode that was given back in the last minutes before it gives one out.
    """
    folder = write_copies(STUDIES["sr"], scratch / "reports", REPORTS, seed="speed-up")
    pairs: list[tuple[Cost, Cost]] = []
    measure_once(one, folder, scratch, "reports-first")  # warms the page cache
    for number in range(SPEED_UP_ROUNDS):
        pair = [(one, 0), (many, 1)]
        costs = {
            at: measure_once(tool, folder, scratch, f"reports-{number}-{at}")
            for tool, at in (reversed(pair) if number % 2 else pair)
        }
        pairs.append((costs[0], costs[1]))
    for made in scratch.glob("reports*"):
        shutil.rmtree(made)
    return statistics.median(first.wall_s / second.wall_s for first, second in pairs)
