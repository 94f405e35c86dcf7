"""Goal: what coverage-guided fuzzing (`make fuzz`) has found stays found, and its targets work.

Method: the inputs that fuzzing kept, the seeds it begins with, and some thousand random variants of
these, the same at each run, go through each target. A target raises when anything but a hold comes
out of the engine, when an output is not in order, or when an input takes too long.
"""

from __future__ import annotations

import itertools

import pytest

from fuzz import seeds
from fuzz.targets import TARGETS, FindingError, timed
from support.mutations import mutants

FILE_TARGETS = ("scanner", "engine", "differential")
MUTANTS = 60


def _inputs(target: str) -> list[bytes]:
    alike = FILE_TARGETS if target in FILE_TARGETS else (target,)
    return [*seeds.of(target), *(data for name, data in seeds.found() if name in alike)]


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_that_fuzzing_kept_pass(target: str) -> None:
    run = timed(TARGETS[target])

    for data in _inputs(target):
        run(data)


@pytest.mark.parametrize("target", TARGETS)
def test_random_variants_of_the_seeds_pass(target: str) -> None:
    run = timed(TARGETS[target])

    for number, data in enumerate(seeds.of(target)):
        for mutant in mutants(data, seed=number, count=MUTANTS):
            run(mutant)


@pytest.mark.parametrize("target", FILE_TARGETS)
def test_the_seeds_get_through_to_what_is_fuzzed(target: str) -> None:
    passed = [bool(TARGETS[target](data)) for data in seeds.files()]

    assert sum(passed) > len(passed) / 2


def test_an_input_that_takes_too_long_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.targets.SECONDS_MAX", 0.1)

    with pytest.raises(FindingError, match="seconds"):
        timed(_endless)(b"")


def _endless(data: bytes) -> int:
    return sum(1 for _ in itertools.repeat(data))
