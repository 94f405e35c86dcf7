"""Goal: what is not a DICOM file in order is held, each kind of disorder with its own rule.

Method: files are put together byte by byte, with one thing wrong; the rule of the `HoldError` and
the path it names are compared. The engine is what reads them, since they must not pass it.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator

import pytest

from gatehouse.dicom import encodings, part10, scan
from gatehouse.dicom.encodings import EXPLICIT_LITTLE
from gatehouse.errors import HoldError, ScanError
from support.dicom_builder import (
    CT_IMAGE_STORAGE,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    ct,
    ct_bytes,
    data_set_of,
    deflated,
    file_around,
    to_bytes,
)
from support.dicom_builder import explicit_element as element
from support.engine_run import run, run_and_read

UID = b"1.2.826.0.1.3680043.8.498.1"
HEAD = element(8, 0x16, "UI", CT_IMAGE_STORAGE.encode() + b"\0") + element(
    8, 0x18, "UI", b"1.2.3\0"
)
STUDY = element(0x20, 0x0D, "UI", b"1.2.4\0") + element(0x20, 0x0E, "UI", b"1.2.5\0")
PIXELS = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
ITEM = b"\xfe\xff\x00\xe0"
END_OF_ITEM = b"\xfe\xff\x0d\xe0\0\0\0\0"
END_OF_SEQUENCE = b"\xfe\xff\xdd\xe0\0\0\0\0"


def hold_of(dicom: bytes) -> HoldError:
    """Return the error with which the engine holds a file."""
    with pytest.raises(HoldError) as caught:
        run(dicom)
    return caught.value


def open_sequence(group: int, number: int, content: bytes, vr: bytes = b"SQ") -> bytes:
    return struct.pack("<HH2sHI", group, number, vr, 0, 0xFFFFFFFF) + content


@pytest.mark.parametrize(
    ("rest", "rule", "path"),
    [
        (element(8, 0x18, "UI", b"1.2.9\0"), "dicom.duplicate", "SOPInstanceUID"),
        (element(8, 0x05, "CS", b"ISO_IR 100"), "dicom.order", "SOPInstanceUID"),
        (struct.pack("<HH2sH", 8, 0x60, b"XX", 0), "dicom.vr", "Modality"),
        (struct.pack("<HH2sH", 8, 0x60, b"CS", 4) + b"CT", "dicom.truncated", "Modality"),
        (struct.pack("<HH", 8, 0x60), "dicom.truncated", "SOPInstanceUID"),
        (b"\0" * 7 + b"\1", "dicom.order", "SOPInstanceUID"),
        (END_OF_ITEM, "dicom.structure", "SOPInstanceUID"),
        (END_OF_SEQUENCE, "dicom.structure", "SOPInstanceUID"),
        (
            open_sequence(8, 0x1140, END_OF_ITEM),
            "dicom.structure",
            "ReferencedImageSequence",
        ),
        (
            open_sequence(8, 0x2218, ITEM + b"\xff\xff\xff\xff" + element(8, 0x100, "SH", b"A ")),
            "dicom.truncated",
            "AnatomicRegionSequence[0]/CodeValue",
        ),
        (
            open_sequence(8, 0x2218, ITEM + b"\x40\0\0\0" + element(8, 0x100, "SH", b"A ")),
            "dicom.truncated",
            "AnatomicRegionSequence",
        ),
        (
            open_sequence(
                8,
                0x2218,
                ITEM
                + b"\xff\xff\xff\xff"
                + element(8, 0x104, "LO", b"A ")
                + element(8, 0x100, "SH", b"A ")
                + END_OF_ITEM
                + END_OF_SEQUENCE,
            ),
            "dicom.order",
            "AnatomicRegionSequence[0]/CodeMeaning",
        ),
        (
            open_sequence(8, 0x2218, ITEM + b"\xff\xff\xff\xff\xfe\xff\x0d\xe0\2\0\0\0"),
            "dicom.structure",
            "AnatomicRegionSequence",
        ),
        (open_sequence(8, 0x60, END_OF_SEQUENCE, b"OB"), "dicom.vr", "Modality"),
        (element(8, 0x2218, "OB", b"ABCD"), "dicom.vr", "AnatomicRegionSequence"),
        (element(0x10, 0x10, "SQ", b""), "dicom.vr", "PatientName"),
    ],
)
def test_a_data_set_that_is_not_in_order_is_held(rest: bytes, rule: str, path: str) -> None:
    dicom = file_around(HEAD + rest)

    error = hold_of(dicom)

    assert (error.rule, error.path) == (rule, path)


@pytest.mark.parametrize("group", [0, 4, 6])
def test_an_element_of_a_group_that_no_data_set_may_hold_is_held(group: int) -> None:
    dicom = file_around(element(group, 0x10, "LO", b"x ") + HEAD + STUDY)

    assert hold_of(dicom).rule in ("dicom.group", "dicom.dicomdir", "dicom.incomplete")


def test_a_directory_is_held_as_such() -> None:
    dicom = file_around(element(4, 0x1130, "CS", b"DISC"))

    assert hold_of(dicom).rule == "dicom.dicomdir"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (STUDY, "SOP Class UID"),
        (HEAD, "Study Instance UID"),
        (HEAD + element(0x20, 0x0D, "UI", b"1.2.4\0"), "Series Instance UID"),
        (HEAD[:34] + STUDY, "SOP Instance UID"),
        (element(8, 0x16, "UI", b"CT Name\0") + HEAD[34:] + STUDY, "SOP Class UID"),
    ],
)
def test_an_instance_without_a_uid_that_it_needs_is_held(content: bytes, name: str) -> None:
    error = hold_of(file_around(content))

    assert error.rule == "dicom.incomplete"
    assert error.reason == f"it has no {name}"


def test_sequences_may_be_nested_up_to_the_limit_and_no_deeper() -> None:
    def nested(depth: int) -> bytes:
        content = element(0x40, 0xA040, "CS", b"TEXT")
        for _ in range(depth):
            content = element(0x40, 0xA168, "SQ", ITEM + struct.pack("<I", len(content)) + content)
        return file_around(HEAD + STUDY + content)

    assert run(nested(encodings.DEPTH_MAX))
    assert hold_of(nested(encodings.DEPTH_MAX + 1)).rule == "dicom.too-deep"


def test_removed_sequences_of_undefined_length_may_not_be_nested_deeper_either() -> None:
    depth = encodings.DEPTH_MAX + 1
    opening = open_sequence(0x40, 0x275, ITEM + b"\xff\xff\xff\xff") * depth
    closing = (END_OF_ITEM + END_OF_SEQUENCE) * depth

    assert hold_of(file_around(HEAD + STUDY + opening + closing)).rule == "dicom.too-deep"


def test_a_file_with_too_many_elements_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    items = (ITEM + b"\0\0\0\0") * 100
    dicom = file_around(HEAD + STUDY + element(0x40, 0xA168, "SQ", items))
    assert run(dicom)

    monkeypatch.setattr(encodings, "ELEMENTS_MAX", 100)

    assert hold_of(dicom).rule == "dicom.too-many-elements"


def test_a_value_that_must_be_read_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.deid.element_editor.VALUE_LENGTH_MAX", 100)
    comments = element(0x10, 0x10, "PN", b"x" * 102)

    error = hold_of(file_around(HEAD + comments + STUDY))

    assert (error.rule, error.path) == ("dicom.too-long", "PatientName")


def test_a_value_that_ends_behind_the_file_is_truncated_however_long_it_claims_to_be() -> None:
    name = struct.pack("<HHI", 0x10, 0x10, 0x7FFFFFFF) + b"Doe^Jane"
    content = data_set_of(ct_bytes("1.2.840.10008.1.2", PatientName=None))
    at = content.index(b"\x10\0\x20\0")

    error = hold_of(file_around(content[:at] + name + content[at:], "1.2.840.10008.1.2"))

    assert (error.rule, error.path) == ("dicom.truncated", "PatientName")


@pytest.mark.parametrize("padding", [b"\0", b"\0" * 7, b"\0" * 8, b"\0" * 511])
def test_zero_bytes_after_the_last_element_are_cut_off(padding: bytes) -> None:
    plain = ct_bytes()

    assert run(plain + padding).to_bytes() == run(plain).to_bytes()


def test_more_zero_bytes_than_any_padding_hold_the_instance() -> None:
    assert hold_of(ct_bytes() + bytes(encodings.PADDING_MAX + 1)).rule == "dicom.order"


@pytest.mark.parametrize("rest", [b"secret", b"\0\0\0\0\0\0\0\0secret", b"\xff" * 20])
def test_other_bytes_after_the_last_element_hold_the_instance(rest: bytes) -> None:
    rules = ("dicom.truncated", "dicom.order", "dicom.structure")

    assert hold_of(ct_bytes() + rest).rule in rules


@pytest.mark.parametrize(
    "dicom",
    [b"", b"DICM", b"\0" * 200, b"%PDF-1.4", b"\0" * 128 + b"DICX" + HEAD, b"PK\3\4" * 50],
)
def test_what_is_no_dicom_file_is_held(dicom: bytes) -> None:
    assert hold_of(dicom).rule == "dicom.not-dicom"


@pytest.mark.parametrize("is_explicit", [True, False])
def test_a_data_set_without_preamble_and_meta_information_is_read(is_explicit: bool) -> None:
    syntax = "1.2.840.10008.1.2.1" if is_explicit else "1.2.840.10008.1.2"
    whole = ct_bytes(syntax)

    result = run_and_read(data_set_of(whole))

    assert result.file_meta.TransferSyntaxUID == syntax
    assert run(data_set_of(whole)).to_bytes() == run(whole).to_bytes()


def test_a_file_without_preamble_is_read() -> None:
    whole = ct_bytes()

    assert run(whole[132:]).to_bytes() == run(whole).to_bytes()


@pytest.mark.parametrize(
    "uid", ["1.2.840.113619.5.2", "1.2.840.10008.1.2.4.94", "1.2.840.10008.1.20", "9.9", "x"]
)
def test_a_transfer_syntax_that_is_not_known_is_held(uid: str) -> None:
    assert hold_of(file_around(HEAD + STUDY, uid)).rule == "dicom.transfer-syntax"


def test_file_meta_information_out_of_order_is_held() -> None:
    meta = element(2, 0x10, "UI", b"1.2.840.10008.1.2.1\0")

    assert hold_of(bytes(128) + b"DICM" + meta + meta + HEAD + STUDY).rule == "dicom.order"


@pytest.mark.parametrize(
    ("syntax", "pixels"),
    [
        (JPEGBaseline8Bit, element(0x7FE0, 0x10, "OB", b"1234")),
        ("1.2.840.10008.1.2.1", PIXELS + ITEM + b"\0\0\0\0" + END_OF_SEQUENCE),
    ],
)
def test_pixel_data_that_is_not_as_the_transfer_syntax_says_is_held(
    syntax: str, pixels: bytes
) -> None:
    error = hold_of(file_around(HEAD + STUDY + pixels, syntax))

    assert (error.rule, error.path) == ("dicom.pixel-data", "PixelData")


@pytest.mark.parametrize(
    "fragments",
    [
        ITEM + b"\0\0\0\0",
        ITEM + b"\x10\0\0\0ABCD" + END_OF_SEQUENCE,
        ITEM + b"\xff\xff\xff\xff" + END_OF_SEQUENCE,
        b"\xff\xd8\xff\xe0" + END_OF_SEQUENCE,
        ITEM + b"\0\0\0\0" + b"\xfe\xff\xdd\xe0\4\0\0\0",
    ],
)
def test_fragments_that_are_not_in_order_hold_the_instance(fragments: bytes) -> None:
    error = hold_of(file_around(HEAD + STUDY + PIXELS + fragments, JPEGBaseline8Bit))

    assert error.rule in ("dicom.truncated", "dicom.structure")
    assert error.path == "PixelData"


def test_a_deflated_data_set_may_not_inflate_without_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bomb = deflated(HEAD + STUDY + element(0x28, 0x10, "OB", bytes(10_000_000)))
    monkeypatch.setattr(part10, "INFLATED_LENGTH_MAX", 1_000_000)

    error = hold_of(file_around(bomb, DeflatedExplicitVRLittleEndian))

    assert error.reason == "its deflated data set inflates beyond the limit"


@pytest.mark.parametrize(
    ("data_set", "rule"),
    [
        (deflated(HEAD + STUDY)[:-4], "dicom.truncated"),
        (b"\xff" * 40, "dicom.deflate"),
        (deflated(HEAD + STUDY) + b"secret", "dicom.trailing"),
    ],
)
def test_a_deflated_data_set_that_is_broken_is_held(data_set: bytes, rule: str) -> None:
    assert hold_of(file_around(data_set, DeflatedExplicitVRLittleEndian)).rule == rule


def test_the_trailer_of_gzip_after_a_deflated_data_set_is_no_fault() -> None:
    content = data_set_of(ct_bytes())
    trailer = struct.pack("<II", zlib.crc32(content), len(content))

    with_trailer = run(file_around(deflated(content) + trailer, DeflatedExplicitVRLittleEndian))

    without = run(file_around(deflated(content), DeflatedExplicitVRLittleEndian))
    assert with_trailer.to_bytes() == without.to_bytes()


def test_compressed_bytes_that_look_like_meta_information_are_not_taken_for_it() -> None:
    content = data_set_of(ct_bytes())
    # An empty block with fixed codes, and an empty stored one: valid, and of no effect.
    stream = b"\x02\0" + b"\0\0\xff\xff" + deflated(content)

    output = run(file_around(stream, DeflatedExplicitVRLittleEndian)).to_bytes()

    plain = run(file_around(deflated(content), DeflatedExplicitVRLittleEndian)).to_bytes()
    assert output == plain


def test_elements_are_found_without_reading_further_than_the_last_wanted() -> None:
    data_set = data_set_of(to_bytes(ct(), undefined_lengths=True))
    end = data_set.index(b"\x10\0\x20\0LO") + 60

    found = scan.find(data_set, 0, end, EXPLICIT_LITTLE, {0x00080060, 0x00100020}, 0x00100020)

    assert data_set[found[0x00080060].start : found[0x00080060].end] == b"CT"
    assert data_set[found[0x00100020].start : found[0x00100020].end] == b"PAT-0815"


def test_items_of_a_sequence_are_found_in_either_form() -> None:
    code = element(8, 0x100, "SH", b"A ")
    item = ITEM + struct.pack("<I", len(code)) + code
    open_item = ITEM + b"\xff\xff\xff\xff" + code + END_OF_ITEM
    content = item + open_item
    sequence = scan.Element(b"SQ", 0, len(content), EXPLICIT_LITTLE)

    found = [content[start:end] for start, end in scan.items(content, sequence)]

    assert found == [code, code]


def test_an_error_names_the_place_and_no_value() -> None:
    error = hold_of(file_around(HEAD + element(8, 0x18, "UI", b"SECRET")))

    assert isinstance(error, ScanError)
    assert str(error) == (
        "dicom.duplicate: an element comes twice in one data set at SOPInstanceUID"
    )


def outcome(elements: Iterator[tuple[int, scan.Element]]) -> list[object]:
    """Return tags and places, and at the end the rule of the error, if there is one."""
    found: list[object] = []
    try:
        found.extend(elements)
    except ScanError as error:
        found.append(error.rule)
    return found


@pytest.mark.parametrize(
    "encoding", [EXPLICIT_LITTLE, encodings.IMPLICIT_LITTLE, encodings.EXPLICIT_BIG]
)
@pytest.mark.parametrize("changed", range(0, 260, 3))
def test_to_pick_elements_is_to_read_all_and_keep_some(
    encoding: encodings.Encoding, changed: int
) -> None:
    nested = open_sequence(0x10, 0x1002, ITEM + struct.pack("<I", 0) + END_OF_SEQUENCE)
    data = bytearray(HEAD + element(0x10, 0x10, "PN", b"A^B ") + nested + STUDY + PIXELS + ITEM)
    for at in (changed, changed + 1):
        data[at % len(data)] ^= 0xFE
    wanted, last = {0x00080018, 0x00100010, 0x00101002, 0x0020000D}, 0x0020000D

    picked = outcome(scan.pick(data, 0, len(data), encoding, wanted, last))

    everything = scan.elements(data, 0, len(data), encoding)
    up_to_last = itertools.takewhile(lambda one: one[0] <= last, everything)
    assert picked == outcome(one for one in up_to_last if one[0] in wanted)
