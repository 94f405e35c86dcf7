"""Goal: the verification's reader sees every byte of an object, or says that it can't.

Method: small data sets written byte by byte, whole and cut into pieces; pydicom's reading of files
that it wrote is the expectation.
"""

from __future__ import annotations

import io
import struct

import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from gatehouse.deid.verify.reader import read_original, read_output
from gatehouse.deid.verify.walk import UnreadableError
from support.dicom_builder import add_private, ct, ct_bytes, to_bytes

PATIENT_NAME = 0x00100010
SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGBaseline8Bit,
]
NESTED = {
    "OtherPatientIDsSequence": [
        {"PatientID": "A1", "IssuerOfPatientIDQualifiersSequence": [{"UniversalEntityID": "deep"}]},
        {"PatientID": "A2"},
    ]
}


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in (b"OB", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def read_names(dicom: bytes) -> list[tuple[tuple[int, ...], int, bytes]]:
    reading = read_original(dicom, frozenset({PATIENT_NAME}))
    return [(path, tag, value) for path, tag, _, value in reading.elements]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined_lengths", [False, True])
def test_every_value_of_every_transfer_syntax_is_seen(syntax: str, undefined_lengths: bool) -> None:
    source = ct(**NESTED)
    dicom = to_bytes(source, syntax, undefined_lengths=undefined_lengths)
    expected = {
        str(one.value).encode()
        for one in dcmread(io.BytesIO(dicom)).iterall()
        if one.VR in ("PN", "DA", "CS") and "\\" not in str(one.value) and one.VM == 1
    }

    reading = read_output([dicom], frozenset())

    assert expected <= {value.strip(b" \0") for value in reading.values}
    assert {b"A1", b"A2", b"deep"} <= {value.strip(b" \0") for value in reading.values}
    assert reading.tags[0x00101002, 0x00100024] == {0x00400032}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_value_of_pixel_data_is_stepped_over_and_measured(syntax: str) -> None:
    dicom = to_bytes(ct(rows=32, columns=32), syntax)

    reading = read_output([dicom], frozenset())

    # Encapsulated: a table, whose two offsets don't count, fragments of 100 and 80 bytes, the
    # delimiter.
    fragments = 8 + 8 + 100 + 8 + 80 + 8
    assert reading.pixel_bytes == (fragments if syntax == JPEGBaseline8Bit else 2048)
    assert max(map(len, reading.values)) < 200


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_pieces_read_like_the_whole(size: int) -> None:
    dicom = ct_bytes(rows=32, columns=32, **NESTED)
    pieces = [dicom[start : start + size] for start in range(0, len(dicom), size)]

    whole, parts = (read_output(one, frozenset({PATIENT_NAME})) for one in ([dicom], pieces))

    assert whole == parts


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGBaseline8Bit])
def test_what_stands_behind_large_pixel_data_is_seen(syntax: str) -> None:
    source = ct(rows=512, columns=512)
    source.add_new(0xFFFCFFFC, "OB", b"padding!")
    dicom = to_bytes(source, syntax)
    middle = len(dicom) // 2

    reading = read_output([dicom[:700], memoryview(dicom)[700:middle], dicom[middle:]], {0})

    assert b"padding!" in reading.values


def test_a_header_that_reaches_into_a_large_piece_is_read() -> None:
    source = ct(ICCProfile=bytes(300_000), LossyImageCompression="00")
    dicom = to_bytes(source)

    reading = read_output([dicom[:10], memoryview(dicom)[10:]], frozenset())

    assert bytes(300_000) in reading.values
    assert reading.pixel_bytes == 512


def test_names_are_found_at_every_depth_and_in_private_elements() -> None:
    source = ct(OtherPatientNames="Top^One", ReferencedPatientSequence=[{"PatientName": "In^Two"}])
    dicom = to_bytes(add_private(source, 0x0011, "ACME", [(1, "PN", "Private^Three")]))

    values = [value.strip() for _, _, value in read_names(dicom)]

    assert {b"Top^One", b"In^Two", b"Private^Three"} <= set(values)


def test_a_sequence_in_an_unknown_vr_is_walked() -> None:
    name = struct.pack("<HHI", 0x0010, 0x0010, 6) + b"Un^Vr "
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(name)) + name
    dicom = element(0x00080016, b"UI", b"1.2\0") + element(0x00091001, b"UN", item)

    assert read_names(dicom) == [((0x00091001,), PATIENT_NAME, b"Un^Vr ")]
    assert read_output([dicom], frozenset()).tags[(0x00091001,)] == {PATIENT_NAME}


def test_a_value_that_only_looks_like_an_item_is_a_value() -> None:
    value = b"\xfe\xff\x00\xe0\x10\x00\x00\x00 not an item"
    dicom = element(0x00080016, b"UI", b"1.2\0") + element(0x00091001, b"UN", value)

    assert value in read_output([dicom], frozenset()).values


@pytest.mark.parametrize(
    "broken",
    [
        element(0x00080018, b"UI", b"1.2\0") + element(0x00080016, b"UI", b"1.2\0"),
        element(0x00080016, b"UI", b"1.2\0") * 2,
        element(0x00080016, b"UI", b"1.2\0") + b"\x10\x00",
        element(0x00080016, b"UI", b"1.2\0") + element(0x00100010, b"PN", b"A^B ")[:-2],
        element(0x00080016, b"UI", b"1.2\0") + element(0x00100010, b"QQ", b"A^B "),
        element(0x00080016, b"UI", b"1.2\0") + element(0x00081110, b"SQ", b"\0" * 8),
        element(0x00080016, b"UI", b"1.2\0")
        + b"\x08\x00\x10\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\x04\0\0\0",
        element(0x00080016, b"UI", b"1.2\0") + b"\xfe\xff\x0d\xe0\0\0\0\0",
        element(0x00080016, b"UI", b"1.2\0")
        + element(0x00081110, b"SQ", b"\xfe\xff\x00\xe0\x08\0\0\0" + b"\xfe\xff\x0d\xe0\0\0\0\0"),
        element(0x00080016, b"UI", b"1.2\0") + b"\xe0\x7f\x10\x00OW\0\0\x10\0\0\0ab",
        element(0x00080016, b"UI", b"1.2\0")
        + b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\x02\0\0\0ab",
    ],
)
def test_what_is_not_understood_is_an_error(broken: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_output([broken], frozenset())


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
@pytest.mark.parametrize("length", [1, 7, 8, 20, 333])
@pytest.mark.parametrize("without", [{}, {"PixelData": None}])
def test_zeros_behind_an_original_are_let_pass_and_those_of_an_output_are_not(
    syntax: str, length: int, without: dict[str, None]
) -> None:
    dicom = ct_bytes(syntax, **without) + bytes(length)

    assert ((), PATIENT_NAME, b"Example^Jane^Q") in read_names(dicom)
    with pytest.raises(UnreadableError):
        read_output([dicom], frozenset())


def test_nesting_has_a_limit_that_is_ours() -> None:
    dicom = b""
    for _ in range(200):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(dicom)) + dicom
        dicom = element(0x00081110, b"SQ", item)

    with pytest.raises(UnreadableError, match="too deep"):
        read_output([element(0x00080016, b"UI", b"1.2\0") + dicom], frozenset())


def test_something_behind_a_deflated_data_set_is_an_error() -> None:
    dicom = ct_bytes(DeflatedExplicitVRLittleEndian)

    with pytest.raises(UnreadableError, match="behind the deflated data set"):
        read_output([dicom + b"SMUGGLED"], frozenset())


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined_lengths", [False, True])
def test_an_original_is_read_as_an_output_is(syntax: str, undefined_lengths: bool) -> None:
    wanted = frozenset({PATIENT_NAME, 0x00100020, 0x00080060, 0x00101002, 0x00400032})
    source = ct(**NESTED, PatientComments="\xfe\xff\0\xe0 looks like an item")
    dicom = to_bytes(source, syntax, undefined_lengths=undefined_lengths)

    quick = read_original(dicom, wanted)
    strict = read_output([dicom], wanted)

    of_strict = [one for one in strict.elements if one[1] in wanted or one[2] == b"PN"]
    assert [(one[:2], one[3]) for one in quick.elements if one[2] != b"SQ"] == [
        (one[:2], one[3]) for one in of_strict if one[2] != b"SQ"
    ]
    assert {one[1] for one in quick.elements if one[2] == b"SQ"} == {0x00101002}
    assert (quick.pixel_bytes, quick.header_bytes) == (strict.pixel_bytes, strict.header_bytes)


@pytest.mark.parametrize("group", [0x0000, 0xFFFE])
def test_no_element_of_a_data_set_is_of_a_command_or_a_delimiter(group: int) -> None:
    dicom = to_bytes(ct(PixelData=None), ImplicitVRLittleEndian)
    stray = struct.pack("<HHI", group, 0x0010, 4) + b"DOE "

    with pytest.raises(UnreadableError, match="where an element should"):
        read_original(dicom + stray, frozenset({PATIENT_NAME}))
