"""Fuzz one target for some time, guided by coverage (atheris).

    python tests/fuzz/run.py TARGET SECONDS FOLDER

FOLDER keeps the corpus between runs. What fails is written there as ``crash-...`` or
``timeout-...`` and ends the run with an exit code other than 0.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "plugin")]

with atheris.instrument_imports(
    include=["gatehouse.deid", "gatehouse.dicom"], enable_loader_override=False
):
    from fuzz import seeds, targets

MEMORY_MAX = 3 << 30
"""A deflated file may ask for the engine's limit of half a gigabyte, and for its copy."""


STANDSTILL_SECONDS = 900
"""libFuzzer's own limit, by the clock on the wall; a target's, by the processor's, is shorter."""


def main(name: str, seconds: int, folder: Path) -> None:
    """Run libFuzzer on a target; does not return."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(seeds.of(name)):
        (corpus / f"seed-{number:02}").write_bytes(data)
    words = folder / "words"
    words.write_text(
        "".join(
            '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in seeds.DICTIONARY
        )
    )
    target = targets.timed(targets.TARGETS[name])
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-dict={words}",
            f"-artifact_prefix={folder}/{name}-",
            "-max_len=8192",
            f"-timeout={STANDSTILL_SECONDS}",
            "-rss_limit_mb=2048",
            "-print_final_stats=1",
            "-verbosity=1",
            str(corpus),
        ],
        lambda data: target(data) and None,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
