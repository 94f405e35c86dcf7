"""The differential oracle: what the engine should write, by a plain pydicom walk of the same plan.

pydicom reads the file, and the walk asks the plan for each element. It has nothing from the engine
but the functions that give one value its new value; how elements are found, skipped, nested, cut,
put back and measured is done twice, in two ways.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from gatehouse.deid import code_streams, dates, dummy_items, pseudonyms, stamp
from gatehouse.deid.actions import ACTIONS, Occurrence
from gatehouse.deid.known_values import KnownValues, collect
from gatehouse.deid.model import ProjectKeys
from gatehouse.deid.plan import ObjectPlan, Plan
from gatehouse.deid.rules import KEEP, PRIVATE, Rule
from gatehouse.dicom import charsets, value_lengths, write
from gatehouse.standard import dictionary
from gatehouse.standard._cid_7050 import CODES
from gatehouse.standard._safe_private import ELEMENTS as SAFE_PRIVATE

Path = tuple[Any, ...]
"""Tags, and indexes of items between them."""

Flat = dict[Path, Any]
"""Path -> bytes of the value; of a sequence, its number of items."""

_STAMPED = (0x00120062, 0x00120063, 0x00120064, 0x00280303)
_PATIENT_ID = 0x00100020
_CHARACTER_SET = 0x00080005
_PIXEL_DATA = 0x7FE00010
_PIXEL_REPRESENTATION = 0x00280103
_SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


def flatten(dicom: bytes) -> Flat:
    """Read a file with pydicom, and return all of its elements by path, values not decoded."""
    data_set = pydicom.dcmread(io.BytesIO(dicom), force=True)
    flat: Flat = {}
    _flatten(data_set, (), flat)
    return flat


class _Elements:
    """One data set: its elements as they are in the file, taken before pydicom decodes any."""

    def __init__(self, data_set: Dataset) -> None:
        self._data_set = data_set
        self._raw: dict[int, tuple[str | None, bytes]] = {}
        for tag in sorted(data_set.keys()):
            element = data_set.get_item(tag)
            value = element.value
            if not isinstance(value, bytes):  # decoded by reading
                if int(tag) == _CHARACTER_SET:
                    value = _written(element)
                elif int(tag) == _PIXEL_REPRESENTATION and isinstance(value, int):
                    value = _written_number(value, data_set)
            self._raw[int(tag)] = (element.VR, value if isinstance(value, bytes) else b"")

    def __iter__(self) -> Iterator[int]:
        return iter(self._raw)

    def __contains__(self, tag: int) -> bool:
        return tag in self._raw

    def value(self, tag: int) -> bytes:
        return self._raw[tag][1] if tag in self._raw else b""

    def vr(self, tag: int) -> str:
        vr = self._raw[tag][0]
        if vr not in (None, "UN"):
            return vr
        if tag >> 16 & 1:
            return SAFE_PRIVATE.get((self.creator(tag), tag >> 16), {}).get(tag & 0xFF, "UN")
        return dictionary.vr(tag) or "UN"

    def written_vr(self, tag: int) -> str:
        return self._raw[tag][0] or ""

    def creator(self, tag: int) -> str:
        creator_tag = tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8
        return self.value(creator_tag).decode("latin-1").strip(" \0")

    def items(self, tag: int) -> list[Dataset] | None:
        vr = self._raw[tag][0]
        is_sequence = vr == "SQ" or (
            vr in (None, "UN") and not tag >> 16 & 1 and dictionary.vr(tag) == "SQ"
        )
        return list(self._data_set[tag].value or []) if is_sequence else None


def _written(element: DataElement) -> bytes:
    """Write a Specific Character Set back as it was, but for padding."""
    value = element.value
    text = value if isinstance(value, str) else "\\".join(value or [])
    return write.text(text.encode("latin-1"))


def _written_number(value: int, data_set: Dataset) -> bytes:
    """Write a Pixel Representation back, which pydicom looks at to know signed from unsigned."""
    _, is_little_endian = data_set.original_encoding
    return struct.pack(">H" if is_little_endian is False else "<H", value)


def _flatten(data_set: Dataset, path: Path, flat: Flat) -> None:
    elements = _Elements(data_set)
    for tag in elements:
        items = elements.items(tag)
        if items is None:
            flat[(*path, tag)] = elements.value(tag)
            continue
        flat[(*path, tag)] = len(items)
        for index, item in enumerate(items):
            _flatten(item, (*path, tag, index), flat)


class _Context:
    """The answers of the instance, read in advance."""

    def __init__(self, elements: _Elements, keys: ProjectKeys, dicom: bytes, plan: Plan) -> None:
        self.keys = keys
        self.keeps_characteristics = "retain-patient-characteristics" in plan.recipe.options
        self._dicom = dicom
        self.character_set = charsets.DEFAULT
        if _CHARACTER_SET in elements:
            self.character_set = charsets.character_set(elements.value(_CHARACTER_SET))
        self._study_date = elements.value(0x00080020).decode("latin-1").strip(" \0")
        self._top = {
            tag: elements.value(tag) for tag in (0x00100010, _PATIENT_ID, 0x00100021, 0x0020000D)
        }
        texts = {
            tag: (charsets.decode(value, self.character_set) or value.decode("latin-1")).strip(
                " \0"
            )
            for tag, value in self._top.items()
        }
        self._patient = (
            texts[_PATIENT_ID],
            texts[0x00100021],
            "" if texts[_PATIENT_ID] else texts[0x0020000D],
        )

    def known_values(self) -> KnownValues:
        return collect(self._dicom)

    def patient_pseudonym(self) -> str:
        return pseudonyms.pseudonym(self.keys, *self._patient)

    def offset_days(self) -> int:
        return dates.offset_days(self.keys.date, pseudonyms.patient_message(*self._patient))

    def study_date(self) -> str:
        return self._study_date

    def is_patient(self, tag: int, value: bytes) -> bool:
        return bool(self._top[tag].strip(b" \0")) and value.strip(b" \0") == self._top[tag].strip(
            b" \0"
        )


def expected(dicom: bytes, plan: Plan, keys: ProjectKeys) -> Flat:
    """Return what the output should hold, stamp included, file meta information not."""
    data_set = pydicom.dcmread(io.BytesIO(dicom), force=True)
    elements = _Elements(data_set)
    rules = plan.for_sop_class(elements.value(0x00080016).decode("ascii").strip(" \0"))
    flat: Flat = {}
    context = _Context(elements, keys, dicom, plan)
    _walk(elements, (), (), rules, context, flat)
    if (_PATIENT_ID,) not in flat and rules.level(())[_PATIENT_ID].action == "pseudonym":
        flat[(_PATIENT_ID,)] = context.patient_pseudonym().encode()
    _stamp(elements, plan, flat)
    syntax = str(data_set.file_meta.get("TransferSyntaxUID", ""))
    if (_PIXEL_DATA,) in flat:
        rows, columns = (
            int.from_bytes(elements.value(tag)[:2], "little") for tag in (0x00280010, 0x00280011)
        )
        flat[(_PIXEL_DATA,)] = _without_comments(flat[(_PIXEL_DATA,)], syntax, rows * columns)
    return flat


def _without_comments(pixels: bytes, syntax: str, of_frame: int) -> bytes:
    changed = bytearray(pixels)
    whole = pixels + _SEQUENCE_DELIMITER
    for start, end, new in code_streams.blanked(whole, 0, len(whole), syntax, of_frame):
        changed[start:end] = new
    return bytes(changed)


def _walk(
    elements: _Elements,
    path: Path,
    tags: tuple[int, ...],
    rules: ObjectPlan,
    context: _Context,
    flat: Flat,
) -> None:
    outer = context.character_set
    if path and _CHARACTER_SET in elements:
        context.character_set = charsets.character_set(elements.value(_CHARACTER_SET))
    for tag in elements:
        if not path and tag in _STAMPED:
            continue
        rule = _rule(elements, tag, tags, rules)
        if rule.action == "remove":
            continue
        items = elements.items(tag)
        if items is None:
            value = _new_value(elements, tag, rule, context, is_top=not path)
            if value is not None:
                flat[(*path, tag)] = value
        elif rule.action == "keep":
            flat[(*path, tag)] = len(items)
            for index, item in enumerate(items):
                inner = (*path, tag, index)
                _walk(_Elements(item), inner, (*tags, tag), rules, context, flat)
        elif rule.action == "empty":
            flat[(*path, tag)] = 0
        else:
            _dummy(rule.parameters["items"], (*path, tag), flat)
    context.character_set = outer


def _new_value(
    elements: _Elements, tag: int, rule: Rule, context: _Context, *, is_top: bool
) -> bytes | None:
    vr = elements.vr(tag).partition(" ")[0]
    if rule.action == "keep":
        value = elements.value(tag)
        if tag == _PIXEL_DATA:
            return value
        written = elements.written_vr(tag) or vr
        fitted = value_lengths.fitted(value, written, context.character_set)
        return write.padded(value if fitted is None else fitted, vr)
    occurrence = Occurrence(tag, vr, is_top, rule.parameters)
    value = ACTIONS[rule.action](elements.value(tag), occurrence, context)
    return None if value is None else write.padded(value, vr)


def _rule(elements: _Elements, tag: int, tags: tuple[int, ...], rules: ObjectPlan) -> Rule:
    group, element = tag >> 16, tag & 0xFFFF
    if not group & 1:
        return rules.level(tags)[tag]
    if element <= 0xFF:
        is_kept = any(
            other >> 16 == group
            and other & 0xFFFF > 0xFF
            and other >> 8 & 0xFF == element
            and _rule(elements, other, tags, rules).action != "remove"
            for other in elements
        )
        return KEEP if is_kept else PRIVATE
    vr = elements.written_vr(tag)
    creator = elements.creator(tag)
    rule = rules.private(tags, group, creator, element & 0xFF, vr)
    safe = SAFE_PRIVATE.get((creator, group), {}).get(element & 0xFF, "")
    if rule.action == "keep" and safe and not _says(safe, vr, elements.value(tag)):
        return PRIVATE  # something else than what the table means
    return rule


def _says(vr: str, written: str, value: bytes) -> bool:
    """Tell if a value is what its VR in Table E.3.10-1 says, where that is a number or a UID."""
    text = value.decode("latin-1").upper()
    if vr in _WRITTEN:
        for word in _NO_NUMBER:
            text = text.replace(word, "\t")
        return set(text) <= {*_WRITTEN[vr], *"\t\r\n"}
    if vr in _BINARY and written in ("OB", "OD", "OF", "OL", "OV", "OW"):
        return not value
    return True


_WRITTEN = dict.fromkeys(("DS", "IS", "UI"), "0123456789+-.E, \\\0")
_NO_NUMBER = ("NAN", "INFINITY", "INF", "N/A", "NONE", "NULL", "*", "#", "IND", "UNKNOWN")
_BINARY = ("AT", "FD", "FL", "SL", "SS", "SV", "UL", "US", "UV")


def _dummy(items: Any, path: Path, flat: Flat) -> None:
    flat[path] = len(items)
    for index, item in enumerate(items):
        for element in item:
            if element.vr == "SQ":
                _dummy(element.values, (*path, index, element.tag), flat)
            else:
                head = dummy_items.encode(((element,),), explicit=False)
                flat[(*path, index, element.tag)] = head[16:]


def _stamp(elements: _Elements, plan: Plan, flat: Flat) -> None:
    ours = stamp.method(plan)
    values = [value.strip() for value in elements.value(0x00120063).split(b"\\")]
    values = [value for value in dict.fromkeys(values) if value and value not in ours]
    earlier = elements.items(0x00120064) if 0x00120064 in elements else []
    codes = [
        str(item.get("CodeValue", ""))
        for item in earlier or []
        if item.get("CodingSchemeDesignator") == "DCM"
    ]
    codes = [code for code in codes if code in CODES]
    flat[(0x00120062,)] = b"YES "
    flat[(0x00120063,)] = write.text(b"\\".join([*values, *ours]))
    flat[(0x00280303,)] = write.text(stamp.longitudinal(plan).encode())
    codes = list(dict.fromkeys([*codes, *plan.method_codes]))
    flat[(0x00120064,)] = len(codes)
    for index, code in enumerate(codes):
        flat[(0x00120064, index, 0x00080100)] = write.text(code.encode())
        flat[(0x00120064, index, 0x00080102)] = b"DCM "
        flat[(0x00120064, index, 0x00080104)] = write.text(CODES[code].encode())
