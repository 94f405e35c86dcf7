"""The engine in process: milliseconds per instance of each step, without files and start-up.

    python -m bench.engine_loop STUDY_FOLDER SECONDS

prints one JSON object. It is run as a process of its own, so that nothing else warms it up.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gatehouse.deid.engine import deidentify
from gatehouse.deid.plan import compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.recipe import Recipe
from gatehouse.deid.verify import verify


def measure(folder: Path, longest_s: float) -> dict[str, float]:
    """Return medians over passes of the milliseconds per instance.

    Notes
    -----
    The first pass is reported as ``first_ms``: it compiles the plan's levels and fills the caches,
    as the first study after a start does.
    """
    files = [file.read_bytes() for file in sorted(folder.iterdir())]
    plan = compile_plan(Recipe(project="bench", suspicious_pixels="accept"))
    keys = derive_project_keys(bytes(range(64)), "bench")

    def deidentify_all() -> None:
        for file in files:
            deidentify(file, plan, keys)

    first_ms = _timed_ms(deidentify_all) / len(files)
    deidentify_ms = _median_ms(deidentify_all, longest_s) / len(files)
    outputs = [deidentify(file, plan, keys) for file in files]

    def verify_all() -> None:
        for file, output in zip(files, outputs, strict=True):
            verify(file, output, plan, keys)

    verify_ms = _median_ms(verify_all, longest_s) / len(files)
    size_mb = sum(map(len, files)) / 1e6
    return {
        "first_ms": first_ms,
        "deidentify_ms": deidentify_ms,
        "verify_ms": verify_ms,
        "instances_per_s": 1000 / (deidentify_ms + verify_ms),
        "mb_per_s": size_mb * 1000 / len(files) / (deidentify_ms + verify_ms),
    }


def _timed_ms(work: Callable[[], None]) -> float:
    start_s = time.process_time()
    work()
    return (time.process_time() - start_s) * 1000


def _median_ms(work: Callable[[], None], longest_s: float) -> float:
    end_s = time.perf_counter() + longest_s
    times_ms = [_timed_ms(work)]
    while time.perf_counter() < end_s:
        times_ms.append(_timed_ms(work))
    return statistics.median(times_ms)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), float(sys.argv[2]))))
