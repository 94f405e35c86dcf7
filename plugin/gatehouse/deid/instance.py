"""What is known of the instance while it is read, and what follows from it when an action asks.

The pseudonym and the date offset need the Patient ID, which comes after the first attributes that
need them. It is looked for ahead when it is asked for, from where the reading is at that time.
"""

from __future__ import annotations

from typing import Final

from gatehouse.deid import dates, known_values, pseudonyms
from gatehouse.deid.actions import PATIENT_ID, PATIENT_NAME
from gatehouse.deid.declared import Declared, declared
from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.model import ProjectKeys
from gatehouse.dicom import charsets, scan
from gatehouse.dicom.part10 import File
from gatehouse.dicom.scan import Element
from gatehouse.errors import ScanError

ISSUER_OF_PATIENT_ID: Final = 0x00100021
STUDY_DATE: Final = 0x00080020
STUDY_INSTANCE_UID: Final = 0x0020000D

_LENGTH_MAX: Final = 4096
"""Bytes of a name, an ID or a UID. LO and PN hold 64 characters to each component group."""

_PATIENT: Final = frozenset({PATIENT_NAME, PATIENT_ID, ISSUER_OF_PATIENT_ID})
_DATED: Final = frozenset({STUDY_DATE})
_STUDY: Final = frozenset({STUDY_INSTANCE_UID})


class Instance:
    """The context of the actions (`actions.Context`) for one instance.

    Attributes
    ----------
    notes : dict
        Where attributes of the top level are that the engine has passed.
    overlay_groups : set of int
        Groups of overlays that may lie among the pixels.
    frame_bits : int
        Bits of a frame, once native pixels were met.
    results : dict
        The new values of those that were noted.
    position : int
        No element before it is needed to look ahead.
    """

    __slots__ = (
        "_ahead",
        "_declared",
        "_known",
        "_offset_days",
        "_pseudonym",
        "_study_known",
        "character_set",
        "file",
        "frame_bits",
        "keeps_characteristics",
        "keys",
        "notes",
        "overlay_groups",
        "position",
        "preserves_weekday",
        "results",
        "top_character_set",
    )

    def __init__(
        self,
        file: File,
        keys: ProjectKeys,
        study_known: KnownValues = NOTHING,
        *,
        keeps_characteristics: bool = False,
        preserves_weekday: bool = False,
    ) -> None:
        self.preserves_weekday = preserves_weekday
        self.keeps_characteristics = keeps_characteristics
        self._study_known = study_known
        self._known: KnownValues | None = None
        self.file = file
        self.keys = keys
        self.position = file.start
        self.notes: dict[int, Element] = {}
        self.overlay_groups: set[int] = set()
        self.frame_bits = 0
        self.results: dict[int, bytes] = {}
        self.character_set = self.top_character_set = charsets.DEFAULT
        self._declared: Declared | None = None
        self._ahead: dict[int, Element] | None = None
        self._pseudonym: str | None = None
        self._offset_days: int | None = None

    def value(self, tag: int) -> bytes:
        """Return the original value of a noted attribute; empty if it is absent."""
        return self._read(self.notes.get(tag))

    def known_values(self) -> KnownValues:
        """Return what is known to identify in the study, and in this instance."""
        if self._known is None:
            self._known = self._study_known | known_values.collect_from(self.file)
        return self._known

    def is_declared_safe(self, tag: int, creator: str) -> bool:
        """Tell if the instance declares a private element free of identifiers."""
        if self._declared is None:
            self._declared = declared(self.file)
        return self._declared.is_safe(tag, creator)

    def patient_pseudonym(self) -> str:
        """Return the pseudonym of the patient."""
        if self._pseudonym is None:
            self._pseudonym = pseudonyms.pseudonym(self.keys, *self._identity())
        return self._pseudonym

    def offset_days(self) -> int:
        """Return the offset of the patient's dates."""
        if self._offset_days is None:
            message = pseudonyms.patient_message(*self._identity())
            self._offset_days = dates.offset_days(
                self.keys.date, message, preserves_weekday=self.preserves_weekday
            )
        return self._offset_days

    def study_date(self) -> str:
        """Return the original Study Date; empty if there is none."""
        file = self.file
        encoding = file.syntax.encoding
        found = scan.find(file.data, file.start, file.end, encoding, _DATED, STUDY_DATE)
        return self._text(self._read(found.get(STUDY_DATE)))

    def is_patient(self, tag: int, value: bytes) -> bool:
        """Tell if this is the patient's own name or ID, as it is at the top of the data set."""
        own = self._patient_value(tag).strip(b" \0")
        return bool(own) and value.strip(b" \0") == own

    def _identity(self) -> tuple[str, str, str]:
        """Return Patient ID, its issuer, and where there is no ID the Study Instance UID."""
        patient_id, issuer = (
            self._text(self._patient_value(tag)) for tag in (PATIENT_ID, ISSUER_OF_PATIENT_ID)
        )
        return patient_id, issuer, "" if patient_id else self._study()

    def _patient_value(self, tag: int) -> bytes:
        if tag in self.notes:
            return self.value(tag)
        if self._ahead is None:
            self._ahead = self._look_ahead(_PATIENT, ISSUER_OF_PATIENT_ID)
        return self._read(self._ahead.get(tag))

    def _study(self) -> str:
        element = self.notes.get(STUDY_INSTANCE_UID)
        if element is None:
            element = self._look_ahead(_STUDY, STUDY_INSTANCE_UID).get(STUDY_INSTANCE_UID)
        study = self._text(self._read(element))
        if not study:
            raise ScanError("dicom.incomplete", "it has no Study Instance UID")
        return study

    def _look_ahead(self, wanted: frozenset[int], last: int) -> dict[int, Element]:
        file = self.file
        encoding = file.syntax.encoding
        return scan.find(file.data, self.position, file.end, encoding, wanted, last)

    def _read(self, element: Element | None) -> bytes:
        if element is None:
            return b""
        if element.end - element.start > _LENGTH_MAX:
            raise scan.too_long()
        return bytes(self.file.data[element.start : element.end])

    def _text(self, value: bytes) -> str:
        text = charsets.decode(value, self.top_character_set)
        return (value.decode("latin-1") if text is None else text).strip(" \0")
