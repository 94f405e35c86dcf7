"""References between the instances of a collection of files, read by pydicom."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import pydicom
from pydicom.dataset import Dataset

_TARGETS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")


class Reference(NamedTuple):
    """A UID in a data set that is the UID of something in the collection."""

    path: tuple[int, ...]
    kind: str
    uid: str


def read(dicom: bytes) -> Dataset:
    """Read a file without its pixels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(dicom), force=True, stop_before_pixels=True)


def targets(data_sets: list[Dataset]) -> dict[str, str]:
    """Return each UID that can be referred to, with what it is the UID of."""
    return {
        str(value): keyword
        for keyword in _TARGETS
        for data_set in data_sets
        for value in [data_set.get(keyword)]
        if value and isinstance(value, str)
    }


def references(data_set: Dataset, known: dict[str, str]) -> Iterator[Reference]:
    """Yield the references of a data set to what is known, the UIDs of itself among them."""
    for path, uid in _uids(data_set, ()):
        if uid in known:
            yield Reference(path, known[uid], uid)


def _uids(data_set: Dataset, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    for tag in sorted(data_set.keys()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                element = data_set[tag]
            except Exception:  # noqa: BLE001, S112 a value that pydicom can't read is no UID
                continue
        if element.VR == "SQ":
            for index, item in enumerate(element.value):
                yield from _uids(item, (*path, int(tag), index))
        elif element.VR == "UI" and element.value:
            values = element.value if element.VM > 1 else [element.value]
            for index, value in enumerate(values):
                yield (*path, int(tag), index), str(value)


class Comparison(NamedTuple):
    """What became of the references of a collection."""

    resolved: int
    dangling: list[tuple[int, ...]]
    """Paths of elements that are still there, and refer to nothing any more."""
    ambiguous: list[str]
    """UIDs that became more than one."""


def compare(before: list[Dataset], after: list[Dataset]) -> Comparison:
    """Compare the references of data sets with those of what was made of them, in that order."""
    known, known_after = targets(before), targets(after)
    resolved, dangling = 0, []
    new_of: dict[str, set[str]] = {}
    for one, other in zip(before, after, strict=True):
        left = {reference.path: reference for reference in references(other, known_after)}
        for reference in references(one, known):
            found = left.get(reference.path)
            if not _has(other, reference.path):
                continue
            if found is None or found.kind != reference.kind:
                dangling.append(reference.path)
                continue
            resolved += 1
            new_of.setdefault(reference.uid, set()).add(found.uid)
    return Comparison(resolved, dangling, [uid for uid, new in new_of.items() if len(new) > 1])


def _has(data_set: Dataset, path: tuple[int, ...]) -> bool:
    """Tell if the element at the end of the path is still there with a value."""
    tag, index, *rest = path
    if tag not in data_set:
        return False
    element = data_set[tag]
    if element.VR != "SQ":
        return bool(element.value)
    return index < len(element.value) and _has(element.value[index], tuple(rest))
