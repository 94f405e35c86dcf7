"""Files broken at random, the same way for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

_EXTREMES = (
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\x0d\xe0\0\0\0\0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"SQ",
    b"UN\0\0\xff\xff\xff\xff",
)


def mutants(dicom: bytes, seed: int, count: int, spare: int = 0) -> Iterator[bytes]:
    """Yield variants of a file: bits flipped, stretches cut, doubled, moved or overwritten.

    Parameters
    ----------
    spare : int
        Bytes at the beginning that stay as they are.
    """
    source = random.Random(seed)  # noqa: S311 it only has to be repeatable
    for _ in range(count):
        mutant = bytearray(dicom)
        for _ in range(source.randint(1, 4)):
            _mutate(mutant, source, spare)
        yield bytes(mutant)


def _mutate(mutant: bytearray, source: random.Random, spare: int) -> None:
    if len(mutant) <= spare + 1:
        return
    start = source.randrange(spare, len(mutant))
    end = min(len(mutant), start + source.randint(1, 40))
    kind = source.randrange(6)
    if kind == 0:
        mutant[start] ^= 1 << source.randrange(8)
    elif kind == 1:
        del mutant[start:]
    elif kind == 2:
        del mutant[start:end]
    elif kind == 3:
        mutant[start:start] = mutant[start:end]
    elif kind == 4:
        extreme = source.choice(_EXTREMES)
        mutant[start : start + len(extreme)] = extreme
    else:
        other = source.randrange(spare, len(mutant))
        mutant[start:end] = mutant[other : other + end - start]
