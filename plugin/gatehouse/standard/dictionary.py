"""The data dictionary of PS3.6: VR and keyword of a tag, tag of a keyword.

pydicom's own dictionary brings all of pydicom with it (a third of a second); this one is ready in
about two milliseconds.
"""

from __future__ import annotations

from functools import cache

from gatehouse.standard._dictionary import ELEMENTS, REPEATING


def _elements() -> tuple[dict[int, str], dict[int, str]]:
    words = ELEMENTS.split()
    tags = [int(word, 16) for word in words[::3]]
    return dict(zip(tags, words[1::3], strict=True)), dict(zip(tags, words[2::3], strict=True))


def _repeating() -> list[tuple[int, int, str, str]]:
    rows = (line.split() for line in REPEATING.splitlines())
    return [(int(mask, 16), int(tag, 16), vr, keyword) for mask, tag, vr, keyword in rows]


_VRS, _KEYWORDS = _elements()
_REPEATING = _repeating()


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
    found = _VRS.get(tag)
    if found is None and (repeated := _repeated(tag)) is not None:
        found = repeated[0]
    return None if found is None else found.replace("_", " ")


def keyword(tag: int) -> str | None:
    """Return the keyword of a public data element; None if it has none."""
    found = _KEYWORDS.get(tag)
    if found is None and (repeated := _repeated(tag)) is not None:
        found = repeated[1]
    return None if found in (None, "-") else found


@cache
def _tags() -> dict[str, int]:
    return {keyword: tag for tag, keyword in _KEYWORDS.items() if keyword != "-"}


def tag_of(keyword: str) -> int | None:
    """Return the tag of a keyword; None if there is no such keyword.

    Elements of repeating groups have no single tag and are not found.
    """
    return _tags().get(keyword)


def keywords() -> list[str]:
    """Return all keywords in the order of their tags, e.g. to suggest the nearest one."""
    return list(_tags())
