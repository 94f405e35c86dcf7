"""The data dictionary of PS3.6: VR and keyword of a tag, tag of a keyword.

pydicom's own dictionary brings all of pydicom with it (a third of a second); this one is ready in
a millisecond.
"""

from __future__ import annotations

from functools import cache, lru_cache

from gatehouse.standard._dictionary import ELEMENTS, REPEATING

# Lines, by the eight digits of their tag: most are never asked for, and not taken apart.
_LINES = {line[:8]: line for line in ELEMENTS.splitlines()}


def _repeating() -> list[tuple[int, int, str, str]]:
    rows = (line.split() for line in REPEATING.splitlines())
    return [(int(mask, 16), int(tag, 16), vr, keyword) for mask, tag, vr, keyword in rows]


_REPEATING = _repeating()


@lru_cache(maxsize=8192)
def _found(tag: int) -> tuple[str, str] | None:
    """Return VR and keyword of a tag."""
    line = _LINES.get(f"{tag:08X}")
    if line is None:
        return _repeated(tag)
    _, vr, keyword = line.split()
    return vr, keyword


def _repeated(tag: int) -> tuple[str, str] | None:
    if tag & 0x10000:  # odd groups are private, also those that a mask would take
        return None
    for mask, masked, vr, keyword in _REPEATING:
        if tag & mask == masked:
            return vr, keyword
    return None


def vr(tag: int) -> str | None:
    """Return the VR of a public data element, e.g. ``"CS"``; None if it is not in the dictionary.

    Where the Standard allows several, they are joined as it does: ``"US or SS"``.
    """
    found = _found(tag)
    return None if found is None else found[0].replace("_", " ")


def keyword(tag: int) -> str | None:
    """Return the keyword of a public data element; None if it has none."""
    found = _found(tag)
    return None if found is None or found[1] == "-" else found[1]


def is_one(tag: int) -> bool:
    """Return whether this very element is in the dictionary with a keyword: no repeating group."""
    return f"{tag:08X}" in _LINES and keyword(tag) is not None


@cache
def _tags() -> dict[str, int]:
    rows = (line.split() for line in _LINES.values())
    return {keyword: int(tag, 16) for tag, _, keyword in rows if keyword != "-"}


def tag_of(keyword: str) -> int | None:
    """Return the tag of a keyword; None if there is no such keyword.

    Elements of repeating groups have no single tag and are not found.
    """
    return _tags().get(keyword)


def keywords() -> list[str]:
    """Return all keywords in the order of their tags, e.g. to suggest the nearest one."""
    return list(_tags())
