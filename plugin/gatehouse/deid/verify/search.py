"""Quick and coarse search for many texts in many values.

The instances of a series have the same identifying values, and most of their other values in
common. So what was searched once for a patient's values is remembered, and an instance costs only
what is new in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import lru_cache

from gatehouse.deid.verify.identifiers import Kind
from gatehouse.deid.verify.needles import Needle, digits_of, fold, needles
from gatehouse.deid.verify.places import may_hold
from gatehouse.errors import VerificationError

Found = tuple[Kind, bytes]
"""Kind and value of an element of the original."""

WORK_MAX = 1 << 33
"""Needles times bytes. At about a nanosecond for each this is some seconds; only a file that was
made for it asks for more."""

_REMEMBERED_VALUES_MAX = 20_000
_REMEMBERED_LENGTH_MAX = 256
_SEPARATOR = b"\n"
_FEW = 32
_DATE_KINDS = frozenset({"birth-date", "date"})
_LETTER = re.compile(rb"[^0-9.,:/\\\n +-]")
_YEAR = re.compile(rb"(?:18|19|20)[0-9]{2}")
_UID = re.compile(rb"[0-9]+(?:\.[0-9]+)+")

Suspects = dict[bytes, list[Needle]]
"""Value of the output -> what it may hold."""


class Sieve:
    """What to look for because of an original, and what is known to be free of it."""

    def __init__(self, wanted: frozenset[Needle]) -> None:
        self.needles = tuple(wanted)
        self._digits = [needle for needle in wanted if needle.match == "digits"]
        self._guarded = _guarded(wanted - set(self._digits))
        self._of_numbers = tuple(
            (guard, behind)
            for guard, behind in self._guarded
            if not all(_LETTER.search(needle.folded) for needle in behind)
        )
        self._free: set[bytes] = set()

    def suspects(self, values: Collection[bytes]) -> Suspects:
        """Return the values that may hold one of the needles."""
        new = set(values) - self._free
        hay = _hay(new)
        refuse_too_much_work(self.needles, hay)
        hits = [
            needle
            for guard, behind in (self._guarded if _LETTER.search(hay) else self._of_numbers)
            if guard in hay
            for needle in behind
            if needle.folded in hay
        ]
        if self._digits:
            digits = digits_of(hay)
            hits += [needle for needle in self._digits if needle.folded in digits]
        suspects = _suspects(new, hits)
        if len(self._free) > _REMEMBERED_VALUES_MAX:
            self._free.clear()
        self._free.update(
            value for value in new if len(value) <= _REMEMBERED_LENGTH_MAX and value not in suspects
        )
        return suspects


@lru_cache(maxsize=64)
def sieve(found: frozenset[Found], kept: frozenset[Found], character_set: bytes) -> Sieve:
    """Return what to look for.

    Parameters
    ----------
    found : frozenset of (Kind, bytes)
        Identifying values of an original.
    kept : frozenset of (Kind, bytes)
        Values that the policy, or an option that it chose, keeps on purpose.
    character_set : bytes
        Value of the original's Specific Character Set.
    """
    exempt = {needle.folded for needle in _all(kept, character_set)}
    # An institution's name that is kept holds what its departments and issuers are called.
    texts = [fold(value) for kind, value in kept if kind == "text"]
    return Sieve(
        frozenset(
            needle
            for needle in _all(found, character_set)
            if needle.folded not in exempt
            and not (needle.kind == "text" and any(needle.folded in text for text in texts))
        )
    )


def find_long(wanted: Collection[Needle], values: Collection[bytes]) -> Suspects:
    """Return the values that may hold one of an instance's own texts and UIDs.

    These differ from instance to instance, and there may be thousands of UIDs: then each UID of
    the output is looked up instead of each UID of the original searched for.
    """
    hay = _hay(values)
    if len(wanted) > _FEW:
        uids = _uids(hay)
        wanted = [needle for needle in wanted if needle.kind != "uid" or needle.folded in uids]
    refuse_too_much_work(wanted, hay)
    return _suspects(values, [needle for needle in wanted if needle.folded in hay])


def refuse_too_much_work(wanted: Collection[Needle], hay: bytes) -> None:
    """Hold an object whose check would take too long."""
    if len(wanted) * len(hay) > WORK_MAX:
        raise VerificationError(
            "verify.too-much-work", "it has too many identifying values for an object of its size"
        )


def _guarded(wanted: Collection[Needle]) -> tuple[tuple[bytes, tuple[Needle, ...]], ...]:
    """Group needles by a text that is in all of them: the many ways to write a date by its year."""
    guarded: dict[bytes, list[Needle]] = {}
    for needle in wanted:
        year = _YEAR.search(needle.folded) if needle.kind in _DATE_KINDS else None
        guarded.setdefault(year[0] if year else needle.folded, []).append(needle)
    return tuple((guard, tuple(behind)) for guard, behind in guarded.items())


def _hay(values: Collection[bytes]) -> bytes:
    return fold(_SEPARATOR.join(values))


def _all(found: frozenset[Found], character_set: bytes) -> Iterator[Needle]:
    for kind, value in found:
        yield from needles(kind, value, character_set)


def _suspects(values: Collection[bytes], hits: list[Needle]) -> Suspects:
    if not hits:
        return {}
    suspects: Suspects = {}
    for value in values:
        for needle in hits:
            if may_hold(value, needle):
                suspects.setdefault(value, []).append(needle)
    return suspects


def _uids(hay: bytes) -> set[bytes]:
    """Return all UIDs in a text, and what they begin with."""
    found: set[bytes] = set()
    for uid in set(_UID.findall(hay)):
        one = uid
        while one and one not in found:
            found.add(one)
            one = one.rpartition(b".")[0]
    return found
