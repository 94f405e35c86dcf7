"""Which data elements may have several values (PS3.6, VM)."""

from __future__ import annotations

from functools import cache

from gatehouse.standard import dictionary
from gatehouse.standard._multiplicity import SEVERAL


def is_single(tag: int) -> bool:
    """Return whether the Standard allows only one value (VM 1).

    False also for elements that are not in the dictionary, and for those of repeating groups.
    """
    return dictionary.is_one(tag) and tag not in _several()


@cache
def _several() -> frozenset[int]:
    return frozenset(int(word, 16) for word in SEVERAL.split())
