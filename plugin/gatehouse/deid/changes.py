"""The list of changes of an instance, kept as it was made and put into words when it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import overload

from gatehouse.deid.model import Change
from gatehouse.dicom import paths

_Kept = Change | tuple[paths.Place, int, Change]
Noted = _Kept | None
"""A change at the top of the data set; one within sequences, with its place and tag; or one that
was taken back."""


class Changes(Sequence[Change]):
    """Changes in the order of the data set.

    Most are never read: an instance has hundreds, and a study of a thousand instances needs their
    number only. So the path of a change within sequences is spelled out when it is asked for.
    """

    __slots__ = ("_all", "_left")

    def __init__(self, noted: list[Noted]) -> None:
        self._all = noted
        self._left: list[_Kept] | None = None

    @property
    def _noted(self) -> list[_Kept]:
        """What was noted, without what was taken back."""
        if self._left is None:
            self._left = [change for change in self._all if change is not None]
        return self._left

    def __len__(self) -> int:
        return len(self._noted)

    @overload
    def __getitem__(self, index: int) -> Change: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Change, ...]: ...
    def __getitem__(self, index: int | slice) -> Change | tuple[Change, ...]:
        if isinstance(index, slice):
            return tuple(_spell(noted) for noted in self._noted[index])
        return _spell(self._noted[index])

    def __iter__(self) -> Iterator[Change]:
        return map(_spell, self._noted)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence):
            return tuple(self) == tuple(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Changes({list(self)!r})"

    def codes(self) -> Iterator[str]:
        """Yield the action code of each change; where it is, is not put into words for that."""
        for noted in self._noted:
            yield noted.code if isinstance(noted, Change) else noted[2].code

    def __reduce__(self) -> tuple[type[tuple[Change, ...]], tuple[tuple[Change, ...]]]:
        # Another process gets the words: it doesn't have the data set that the places are in.
        return tuple, (tuple(self),)


def counted(changes: Sequence[Change]) -> dict[str, int]:
    """Return how many changes there are by each action code."""
    if isinstance(changes, Changes):
        return dict(Counter(changes.codes()))
    return dict(Counter(change.code for change in changes))


def _spell(noted: _Kept) -> Change:
    if isinstance(noted, Change):
        return noted
    place, tag, change = noted
    return change._replace(path=paths.path(place, tag))
