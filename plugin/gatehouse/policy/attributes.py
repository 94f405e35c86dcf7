"""DICOM attributes as policies write them: keywords, tags, private attributes, and paths of these.

``PatientName``, ``(0010,0010)``, ``(0019,{SIEMENS MR HEADER},0C)``, and paths such as
``RequestAttributesSequence/RequestedProcedureID``.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from gatehouse.standard import dictionary

_STEP = (
    r"(?:[A-Z][A-Za-z0-9]*|dBdt"
    r"|\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)"
    r"|\([0-9A-Fa-f]{3}[13579BDFbdf],\{[^{}]{1,64}\},[0-9A-Fa-f]{2}\))"
)
ATTRIBUTE_PATTERN = f"^{_STEP}(/{_STEP})*$"

_STEPS = re.compile(_STEP)
_WHOLE = re.compile(ATTRIBUTE_PATTERN)


class Step(NamedTuple):
    """One attribute of a path."""

    tag: int
    """For a private attribute: its group, and the low byte of its element."""
    creator: str
    """Private creator; empty for a public attribute."""
    vrs: tuple[str, ...]
    """Value representations that the Standard allows; empty for a private attribute."""


class UnknownAttributeError(ValueError):
    """No attribute is written like this.

    Parameters
    ----------
    word : str
        The part that is wrong.
    problem : str
        What is wrong with it, e.g. ``"is not an attribute's keyword"``.
    """

    def __init__(self, word: str, problem: str) -> None:
        super().__init__(word, problem)
        self.word = word
        self.problem = problem


def is_attribute(text: str) -> bool:
    """Return whether a text is written as an attribute; it may still be in no dictionary."""
    return _WHOLE.fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def parse_attribute(text: str) -> tuple[Step, ...]:
    """Return the steps of an attribute or path.

    Raises
    ------
    UnknownAttributeError
        If it is not written as one, or is not in the dictionary of the Standard.
    """
    if not is_attribute(text):
        raise UnknownAttributeError(text, "is not written as an attribute")
    return tuple(_parse_step(step) for step in _STEPS.findall(text))


def canonical(text: str) -> str:
    """Return an attribute or path in the one form that messages use: keywords where there are any.

    Raises
    ------
    UnknownAttributeError
        As ``parse_attribute``.
    """
    return "/".join(_written(step) for step in parse_attribute(text))


def _written(step: Step) -> str:
    if step.creator:
        return private_name(step.tag >> 16, step.creator, step.tag & 0xFF)
    found = dictionary.keyword(step.tag)
    return found or f"({step.tag >> 16:04X},{step.tag & 0xFFFF:04X})"


def private_name(group: int, creator: str, element: int) -> str:
    """Return a private attribute as policies write it; ``element`` is the low byte."""
    return f"({group:04X},{{{creator}}},{element:02X})"


def _parse_step(text: str) -> Step:
    if "{" in text:
        creator = text[7 : text.index("}")]
        return Step(int(text[1:5] + "00" + text[-3:-1], 16), creator.strip(), ())
    if not text.startswith("("):
        tag = dictionary.tag_of(text)
        if tag is None:
            raise UnknownAttributeError(text, "is not an attribute's keyword")
        return Step(tag, "", _vrs(tag))
    tag = int(text[1:5] + text[6:10], 16)
    if tag >> 16 & 1:
        raise UnknownAttributeError(
            text, "is private, and is written with its creator: (gggg,{CREATOR},ee)"
        )
    if tag >> 16 == 0x0002:
        raise UnknownAttributeError(text, "is file meta information, and not part of the data set")
    if tag & 0xFFFF and dictionary.vr(tag) is None:
        raise UnknownAttributeError(text, "is not in the Standard's dictionary")
    return Step(tag, "", _vrs(tag))


def _vrs(tag: int) -> tuple[str, ...]:
    return tuple((dictionary.vr(tag) or "").replace(" or ", " ").split())
