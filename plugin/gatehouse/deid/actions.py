"""What each action of a plan does to the value of one element.

One function per action. Each takes the value as it is in the file and returns the new one, not yet
padded, or None to remove the element. None of them keeps anything that it does not understand.
Sequences are the engine's matter; here a sequence is only ever emptied or replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gatehouse.deid import dates, dummies, pseudonyms
from gatehouse.deid.known_values import KnownValues
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.recipe import ActionName
from gatehouse.dicom import charsets
from gatehouse.errors import DeidentificationError

PATIENT_NAME = 0x00100010
PATIENT_ID = 0x00100020
PATIENT_BIRTH_DATE = 0x00100030
ENCAPSULATED_DOCUMENT = 0x00420011

_TEXT_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_WHOLE_TEXT_VRS = frozenset({"LT", "ST", "UR", "UT"})
"""Text in which a backslash parts nothing (PS3.5 section 6.4)."""


class Context(Protocol):
    """What an action may ask about the instance. Answers that cost are worked out when asked."""

    keys: ProjectKeys
    character_set: charsets.CharacterSet
    keeps_characteristics: bool

    def known_values(self) -> KnownValues:
        """Return what is known to identify in the study."""

    def patient_pseudonym(self) -> str:
        """Return the pseudonym of the patient."""

    def is_patient(self, tag: int, value: bytes) -> bool:
        """Tell if this is the patient's own name or ID, as it is at the top of the data set."""

    def offset_days(self) -> int:
        """Return the offset of the patient's dates."""

    def study_date(self) -> str:
        """Return the original Study Date; empty if there is none."""


class Occurrence:
    """The element that an action is about: all that may matter besides its value."""

    __slots__ = ("is_top", "parameters", "tag", "vr")

    def __init__(self, tag: int, vr: str, is_top: bool, parameters: Mapping[str, Any]) -> None:
        self.tag = tag
        self.vr = vr
        self.is_top = is_top
        self.parameters = parameters


Action = Callable[[bytes, Occurrence, Context], bytes | None]


def remove(value: bytes, element: Occurrence, context: Context) -> None:
    """Remove the element (X)."""
    del value, element, context


def empty(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Leave the element without a value (Z)."""
    del value, element, context
    return b""


def dummy(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Replace the value with a constant that is valid for the VR (D)."""
    if "with" in element.parameters:
        return bytes(element.parameters["with"])
    if element.tag == ENCAPSULATED_DOCUMENT:
        raise DeidentificationError(
            "deid.no-dummy", "there is no dummy for the document that it encapsulates"
        )
    if element.vr == "UI":
        return new_uid(value, element, context) or b"2.25.0"
    new = dummies.dummy(element.tag, element.vr, value)
    if new is None:
        raise DeidentificationError(
            "deid.no-dummy", "there is no dummy value for its value representation"
        )
    return new


def replace(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Replace the value with what the policy gives (D)."""
    del value
    if element.vr not in _TEXT_VRS and element.vr not in ("AS", "DA", "DS", "DT", "IS", "TM", "UI"):
        raise DeidentificationError(
            "deid.replace", "a policy's text can't replace a value of this value representation"
        )
    new = charsets.encode(str(element.parameters.get("with", "")), context.character_set)
    if new is None:
        raise DeidentificationError(
            "deid.character-set",
            "a policy's text has letters that the data set's character set does not have",
        )
    return new


def pseudonym(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Replace the value with a keyed pseudonym (D or Z); the patient's own is one for all."""
    tag = element.tag
    is_person = tag in (PATIENT_NAME, PATIENT_ID)
    if is_person and (element.is_top or context.is_patient(tag, value)):
        return context.patient_pseudonym().encode("ascii")
    text = _text(value, element, context).strip(" \0")
    if not text:
        return b""
    if tag == PATIENT_ID:
        return pseudonyms.pseudonym(context.keys, text).encode("ascii")
    domain = "PN" if element.vr == "PN" else f"{tag:08X}"
    values = [text] if element.vr in _WHOLE_TEXT_VRS else text.split("\\")
    new = (
        pseudonyms.value_pseudonym(context.keys, domain, one.strip()) if one.strip() else ""
        for one in values
    )
    return "\\".join(new).encode("ascii")


def new_uid(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Replace each UID with a keyed one (U)."""
    del element
    return pseudonyms.new_uid_value(context.keys.uid, value)


def shift_date(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Move dates by the patient's offset (C, PS3.15 E.3.6); what is no date is emptied."""
    if element.vr == "DA":
        days = context.offset_days()
        return _each(value, lambda one: dates.shift_date(one, days))
    if element.vr == "DT":
        days = context.offset_days()
        return _each(value, lambda one: dates.shift_date_time(one, days))
    if element.vr == "TM":
        return _each(value, dates.keep_time)
    if element.vr == "AS":
        return _each(value, dates.keep_age)
    if element.vr == "SH":
        return _each(value, dates.keep_zone)
    return dummy(value, element, context)


def truncate_date(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Cut dates to year or month (C); what is no date is emptied."""
    to = str(element.parameters.get("to", "year"))
    if element.vr == "DA" and element.tag == PATIENT_BIRTH_DATE:
        # The year of birth says the age, and with 45 CFR 164.514(b)(2)(i)(C) that ends at 90.
        study_date = context.study_date()
        return _each(
            value,
            lambda one: dates.truncate_date(dates.capped_birth_date(one, study_date), to),
        )
    if element.vr == "DA":
        return _each(value, lambda one: dates.truncate_date(one, to))
    if element.vr == "DT":
        return _each(value, lambda one: dates.truncate_date_time(one, to))
    return dummy(value, element, context)


def generalize(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Make ages coarse (C); what is no age is emptied."""
    if element.vr == "AS":
        return _each(value, dates.generalize_age)
    return dummy(value, element, context)


def clean_text(value: bytes, element: Occurrence, context: Context) -> bytes | None:
    """Take out of a free text what identifies (C); without anything left it is a dummy."""
    if not value.strip(b" \0"):
        return b""
    from gatehouse.deid import free_text  # most policies clean no text

    if element.vr not in free_text.CLEANED_VRS:
        return dummy(value, element, context)
    new = free_text.clean(
        value,
        element.vr,
        context.character_set,
        context.known_values(),
        keep_characteristics=context.keeps_characteristics,
    )
    return dummy(value, element, context) if new is None else new


def _each(value: bytes, function: Callable[[str], str | None]) -> bytes:
    """Apply a function to each of several values; what it does not understand becomes empty."""
    text = value.decode("latin-1")
    if "\\" not in text:
        text = text.strip(" \0")
        return (function(text) or "").encode("latin-1") if text else b""
    parts = [part.strip(" \0") for part in text.split("\\")]
    return "\\".join((function(part) or "") if part else "" for part in parts).encode("latin-1")


def _text(value: bytes, element: Occurrence, context: Context) -> str:
    """Decode a value in order to hash it; what can't be decoded is hashed byte by byte."""
    del element
    text = charsets.decode(value, context.character_set)
    return value.decode("latin-1") if text is None else text


ACTIONS: Mapping[ActionName, Action] = {
    "remove": remove,
    "empty": empty,
    "dummy": dummy,
    "replace": replace,
    "pseudonym": pseudonym,
    "new-uid": new_uid,
    "shift-date": shift_date,
    "truncate-date": truncate_date,
    "generalize": generalize,
    "clean-text": clean_text,
}
"""Every action but keep, which is the absence of one."""
