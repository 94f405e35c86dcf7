"""Table E.1-1 as a test sees it: rows with a canary each, and what must have become of them.

What is expected is read from the JSON source of the table, never from ``gatehouse``.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

from support.dicom_builder import CT_IMAGE_STORAGE, explicit_element, file_around

SOURCE = Path(__file__).parents[2] / "tools" / "standard" / "ps3_15_2026d_table_E1-1.json"

OPTIONS = {
    "retain-safe-private": "retain_safe_private",
    "retain-uids": "retain_uids",
    "retain-device-identity": "retain_device_identity",
    "retain-institution-identity": "retain_institution_identity",
    "retain-patient-characteristics": "retain_patient_characteristics",
    "retain-full-dates": "retain_longitudinal_full_dates",
    "retain-modified-dates": "retain_longitudinal_modified_dates",
    "clean-descriptors": "clean_descriptors",
    "clean-structured-content": "clean_structured_content",
    "clean-graphics": "clean_graphics",
}

# Attributes that are younger than pydicom's dictionary: VR of PS3.6.
_YOUNGER = {
    "Annotation DateTime": "DT",
    "Display URI": "UR",
    "Effective Start DateTime": "DT",
    "Effective Stop DateTime": "DT",
    "Ethnic Groups": "UC",
    "Gender Identity Comment": "UT",
    "Name to Use": "LT",
    "Name to Use Comment": "UT",
    "Pronoun Comment": "UT",
    "Segment Definition DateTime": "DT",
    "Sex Parameters for Clinical Use Category Comment": "UT",
    "Sex Parameters for Clinical Use Category Reference": "UR",
    "Dose Calculation Model Name": "LO",
    "Montage Channel Label": "LO",
    "Montage Name": "LO",
}

# A tag for the rows that are about many.
_EXAMPLES = {
    "(50xx,xxxx)": (0x50023000, "OW"),
    "(60xx,3000)": (0x60023000, "OW"),
    "(60xx,4000)": (0x60024000, "LT"),
    "(gggg,eeee) where gggg is odd": (0x00291010, "LO"),
}

_CLEANED_VRS = ("LO", "LT", "SH", "ST", "UC", "UT")
"""Their canaries begin with the patient's name, which is what cleaning has to take out."""

_DATES = ("DA", "DT")


@dataclass(frozen=True, eq=False)
class Row:
    """One row, with the canary that is planted for it."""

    name: str
    tag: int
    vr: str
    basic: str
    options: dict[str, str]
    number: int

    def code(self, options: Sequence[str]) -> str:
        """Return the code under some options, of which one at most has a say here."""
        codes = {self.options[OPTIONS[name]] for name in options if OPTIONS[name] in self.options}
        return codes.pop() if codes else self.basic

    @property
    def canary(self) -> bytes:
        """The value, as bytes in little endian, without padding."""
        day = date(1931, 1, 1) + timedelta(days=self.number)
        texts = {
            "AS": f"{self.number % 80 + 10:03}Y",
            "DA": f"{day:%Y%m%d}",
            "DS": f"9000.{self.number:04}",
            "DT": f"{day:%Y%m%d}101112.{self.number:06}",
            "IS": f"{900000 + self.number}",
            "PN": f"CANARY{self.number:04}^Q",
            "TM": f"101112.{self.number:06}",
            "UI": f"1.2.826.0.1.9999.{self.number}",
            "UR": f"http://canary{self.number:04}",
            **dict.fromkeys(_CLEANED_VRS, f"OUTER CANARY{self.number:04}"),
            **dict.fromkeys(("AE", "CS", "OB", "OW", "UN"), f"CANARY{self.number:04}"),
        }
        if self.vr in texts:
            return texts[self.vr].encode("ascii")
        formats = {"US": "H", "FL": "f", "FD": "d", "SS": "h", "UL": "I", "SL": "i"}
        return struct.pack(f"<{formats[self.vr]}", 20000 + self.number)


def _vr(name: str, tag: int) -> str:
    if name in _YOUNGER:
        return _YOUNGER[name]
    if name.endswith("Sequence"):
        return "SQ"
    return dictionary_VR(tag).replace("OB or OW", "OW")


def rows() -> list[Row]:
    """Return all rows of the table."""
    result = []
    for number, row in enumerate(json.loads(SOURCE.read_text("utf-8"))["rows"]):
        if row["tag"] in _EXAMPLES:
            tag, vr = _EXAMPLES[row["tag"]]
        else:
            tag = int(row["tag"][1:5] + row["tag"][6:10], 16)
            vr = _vr(row["name"], tag)
        result.append(Row(row["name"], tag, vr, row["basic_profile"], row["options"], number))
    return result


def planted(row: Row) -> bytes:
    """Return the row's attribute with its canary, in explicit VR little endian.

    A sequence has one item, with a canary in an attribute that has no row of its own (Code Meaning)
    and one in Patient's Name, which must go wherever it is.
    """
    if row.vr == "SQ":
        value = _item(
            explicit_element(0x0008, 0x0104, "LO", _padded(free_text(row), "LO"))
            + explicit_element(0x0010, 0x0010, "PN", _padded(name(row), "PN"))
        )
    else:
        value = _padded(row.canary, row.vr)
    return explicit_element(row.tag >> 16, row.tag & 0xFFFF, row.vr, value)


def free_text(row: Row) -> bytes:
    """Return the canary in the item of a sequence."""
    return b"TEXTCANARY%04d" % row.number


def name(row: Row) -> bytes:
    """Return the name in the item of a sequence."""
    return b"NAMECANARY%04d" % row.number


def _padded(value: bytes, vr: str) -> bytes:
    padding = b"\0" if vr in ("UI", "OB", "OW", "UN") else b" "
    return value + padding * (len(value) % 2)


def _item(content: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


# Sequences that Table E.1-1 doesn't name: what is in them is treated as elsewhere.
PATH = (0x00081115, 0x00081199, 0x0040A170)

_FRAME = {
    0x00080016: explicit_element(0x0008, 0x0016, "UI", CT_IMAGE_STORAGE.encode() + b"\0"),
    0x00080018: explicit_element(0x0008, 0x0018, "UI", b"1.2.826.0.1.1\0"),
    0x00080060: explicit_element(0x0008, 0x0060, "CS", b"CT"),
    0x00100010: explicit_element(0x0010, 0x0010, "PN", b"OUTER^NAME"),
    0x00100020: explicit_element(0x0010, 0x0020, "LO", b"OUTER ID"),
    0x0020000D: explicit_element(0x0020, 0x000D, "UI", b"1.2.826.0.1.2\0"),
    0x0020000E: explicit_element(0x0020, 0x000E, "UI", b"1.2.826.0.1.3\0"),
}


def file_with(chosen: Iterable[Row], depth: int) -> bytes:
    """Return a DICOM file with the rows' attributes at a depth of sequences."""
    elements = {row.tag: planted(row) for row in chosen}
    if 0x00291010 in elements:
        elements[0x00290010] = explicit_element(0x0029, 0x0010, "LO", b"ACME 1")
    for tag in reversed(PATH[:depth]):
        value = _item(b"".join(elements[key] for key in sorted(elements)))
        elements = {tag: explicit_element(tag >> 16, tag & 0xFFFF, "SQ", value)}
    elements = _FRAME | elements
    return file_around(b"".join(elements[tag] for tag in sorted(elements)))


def innermost(dataset: Dataset, depth: int) -> Dataset:
    """Return the item at a depth of sequences in which the rows' attributes are."""
    for tag in PATH[:depth]:
        dataset = dataset[tag].value[0]
    return dataset


def problem(row: Row, code: str, dataset: Dataset, output: bytes) -> str | None:
    """Say what is wrong with what became of a row's attribute; None if it is as the table asks.

    Where the attribute's Type decides, each outcome that the compound code allows is right here.
    """
    answers = [_problem(row, part, dataset, output) for part in re.split("/", code.rstrip("*"))]
    if None in answers:
        return None
    return f"{row.name} ({row.tag:08X} {row.vr}) {code}: {answers[0]}"


def _problem(row: Row, code: str, dataset: Dataset, output: bytes) -> str | None:
    if code == "X":
        return "is still there" if row.tag in dataset else _residue(row, output)
    if row.vr == "SQ":
        return _sequence_problem(row, code, dataset, output)
    if code == "C":
        return _cleaning_problem(row, dataset, output)
    if row.tag not in dataset:
        return "was removed"
    value = _raw(dataset, row)
    if code == "K":
        return None if value == row.canary else "was changed"
    if value == row.canary:
        return "is unchanged"
    if code != "Z" and not value:
        return "is empty"
    if row.vr == "UI" and value and not re.fullmatch(rb"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", value):
        return "is no valid UID"
    return _residue(row, output)


def _sequence_problem(row: Row, code: str, dataset: Dataset, output: bytes) -> str | None:
    if name(row) in output:
        return "the name in its item is still there"
    if code in ("K", "C", "U", "D") and (row.tag not in dataset or not dataset[row.tag].value):
        return "has no items"
    if code == "Z" and row.tag not in dataset:
        return "was removed"
    text_is_there = free_text(row) in output
    if code in ("K", "U"):
        return None if text_is_there else "lost an element that is nobody's identifier"
    return "the text in its item is still there" if text_is_there else None


def _cleaning_problem(row: Row, dataset: Dataset, output: bytes) -> str | None:
    """Dates are moved by whole days, so that a time stays; texts lose the patient's name."""
    if row.vr == "TM":
        return None if row.tag in dataset and _raw(dataset, row) == row.canary else "was changed"
    if row.vr in _DATES:
        if row.tag not in dataset or not re.match(rb"\d{8}", _raw(dataset, row)):
            return "is no date"
        return "is unchanged" if _raw(dataset, row)[:8] == row.canary[:8] else None
    if row.vr in _CLEANED_VRS:
        is_left = row.tag in dataset and b"OUTER" in _raw(dataset, row)
        return "holds the patient's name" if is_left else None
    return _residue(row, output)


def _residue(row: Row, output: bytes) -> str | None:
    canary = free_text(row) if row.vr == "SQ" else row.canary.removeprefix(b"OUTER ")
    is_unique = len(canary) >= 8
    return "its canary is still there" if is_unique and canary in output else None


def _raw(dataset: Dataset, row: Row) -> bytes:
    value = dataset.get_item(row.tag).value
    return (value or b"").rstrip(b" " if row.vr in ("OB", "OW", "UN") else b"\0 ")
