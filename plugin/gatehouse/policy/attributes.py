"""DICOM attributes as policies write them: keywords, tags, private attributes, and paths of these.

``PatientName``, ``(0010,0010)``, ``(0019,{SIEMENS MR HEADER},0C)``, and paths such as
``RequestAttributesSequence/RequestedProcedureID``.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

_STEP = (
    r"(?:[A-Z][A-Za-z0-9]*|dBdt"
    r"|\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)"
    r"|\([0-9A-Fa-f]{3}[13579BDFbdf],\{[^{}]{1,64}\},[0-9A-Fa-f]{2}\))"
)
ATTRIBUTE_PATTERN = f"^{_STEP}(/{_STEP})*$"

_STEPS = re.compile(_STEP)
_WHOLE = re.compile(ATTRIBUTE_PATTERN)


class Step(NamedTuple):
    """One attribute of a path.

    ``creator`` is empty for a public attribute; for a private one ``tag`` has the group and the
    low byte of the element. ``vr`` holds the value representations of the Standard, with a space
    between them where there are several; it is empty for private attributes.
    """

    tag: int
    creator: str
    vr: str
    multiplicity: str


class UnknownAttributeError(ValueError):
    """No attribute is written like this. ``args`` are what is wrong and the word it is about."""


@functools.lru_cache(maxsize=4096)
def parse_attribute(text: str) -> tuple[Step, ...]:
    """Return the steps of an attribute or path.

    Raises
    ------
    UnknownAttributeError
        If it is not written as one, or is not in the dictionary of the Standard.
    """
    if not _WHOLE.fullmatch(text):
        raise UnknownAttributeError("is not written as an attribute", text)
    return tuple(_parse_step(step) for step in _STEPS.findall(text))


def _parse_step(text: str) -> Step:
    if "{" in text:
        group, creator, element = text[1:5], text[7 : text.index("}")], text[-3:-1]
        return Step(int(group, 16) << 16 | int(element, 16), creator.strip(), "", "")
    if text.startswith("("):
        tag = int(text[1:5] + text[6:10], 16)
        found = describe(tag)
        if found is None:
            raise UnknownAttributeError("is not in the Standard's dictionary", text)
        return Step(tag, "", *found)
    found_tag = tag_of(text)
    if found_tag is None:
        raise UnknownAttributeError("is not an attribute's keyword", text)
    return Step(found_tag, "", *(describe(found_tag) or ("", "")))


def describe(tag: int) -> tuple[str, str] | None:
    """Return value representations and multiplicity of a public tag; None if it is not known."""
    from pydicom.datadict import get_entry

    try:
        vr, multiplicity, *_ = get_entry(tag)
    except KeyError:
        return None
    return vr.replace(" or ", " "), multiplicity


def tag_of(keyword: str) -> int | None:
    """Return the tag of a keyword; None if there is none."""
    from pydicom.datadict import tag_for_keyword

    return tag_for_keyword(keyword)


def keywords() -> list[str]:
    """Return every keyword of the dictionary, for hints."""
    from pydicom._dicom_dict import DicomDictionary

    return [entry[4] for entry in DicomDictionary.values() if entry[4]]
