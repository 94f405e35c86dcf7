"""Types (PS3.5 section 7.4) of the attributes whose Type decides about their action.

Only attributes of Table E.1-1 are known here, and those that the Basic Profile just removes only
where an IOD always asks for them (Type 1 or 2).
"""

from __future__ import annotations

from functools import cache

from gatehouse.standard._attribute_types import IODS, MODULES, PARENTS, SOP_CLASSES

Types = dict[tuple[int, ...], str]
"""Path of tags, the attribute's own last -> ``"1"``, ``"1C"``, ``"2"``, ``"2C"`` or ``"3"``."""

_STRICTNESS = ("1", "1C", "2", "2C", "3")


def _parse(words: list[str]) -> Types:
    types: Types = {}
    for word in words:
        path, _, attribute_type = word.partition("=")
        types[tuple(int(step, 16) for step in path.split("/"))] = attribute_type
    return types


@cache
def _blocks(text: str) -> dict[str, str]:
    """Return what is listed under each name, not taken apart yet: few of them are asked for."""
    blocks = (block.split(maxsplit=1) for block in text.split("@")[1:])
    return {name: "".join(rest) for name, *rest in blocks}


@cache
def _sop_classes() -> dict[str, str]:
    words = SOP_CLASSES.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _merge(parts: list[Types]) -> Types:
    """Merge modules; where two say something about an attribute, the stricter Type holds."""
    merged: Types = {}
    for part in parts:
        for path, attribute_type in part.items():
            known = merged.get(path, "3")
            merged[path] = min(known, attribute_type, key=_STRICTNESS.index)
    return merged


def iod_of(sop_class_uid: str) -> str | None:
    """Return the IOD of a SOP class, e.g. ``"ct-image"``; None if it is not in PS3.4."""
    return _sop_classes().get(sop_class_uid)


@cache
def types_of(iod: str) -> Types:
    """Return the Types in an IOD, at every path that its modules and macros spell out."""
    return _merge(
        [_parse(_blocks(MODULES)[module].split()) for module in _blocks(IODS)[iod].split()]
    )


@cache
def types_by_parent() -> Types:
    """Return the strictest Types in all IODs, by at most one sequence above.

    For paths that an IOD does not spell out (content trees, Standard Extended SOP classes), and
    with single tags for SOP classes that PS3.4 doesn't know.
    """
    return _parse(PARENTS.split())
