"""DICOM files (PS3.10 section 7): preamble, file meta information, and the data set after it.

The file meta information of the input is read for its transfer syntax and for nothing else; that
of the output is written anew, so that neither titles of applications nor private information leave.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from gatehouse import __version__
from gatehouse.dicom import scan, write
from gatehouse.dicom.encodings import EXPLICIT_LITTLE, LONG_VRS, SHORT_VRS
from gatehouse.dicom.scan import Buffer
from gatehouse.dicom.transfer_syntaxes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    TransferSyntax,
    transfer_syntax,
)
from gatehouse.errors import ScanError

IMPLEMENTATION_CLASS_UID: Final = "2.25.33977147851152697851294450684105056815"
IMPLEMENTATION_VERSION_NAME: Final = f"GATEHOUSE_{__version__}"[:16]

INFLATED_LENGTH_MAX: Final = 512 * 1024 * 1024
"""Bytes of an inflated data set. Deflate expands up to a thousandfold: a small file can ask for
any amount of memory."""

_PREAMBLE_LENGTH: Final = 128
_GROUP_LENGTH: Final = 0x00020000
_TRANSFER_SYNTAX_UID: Final = 0x00020010
_UID_LENGTH_MAX: Final = 64


class File(NamedTuple):
    """A data set in a buffer, and how it is encoded."""

    data: Buffer
    """The input; or, if the data set is deflated, what was inflated."""
    start: int
    end: int
    syntax: TransferSyntax


def open_file(dicom: Buffer) -> File:
    """Find the data set of a DICOM file, and its transfer syntax.

    A file without preamble is taken if it begins with file meta information, or with a data set's
    first group, 0008.

    Raises
    ------
    ScanError
        If it is not a DICOM file, or not one that can be read safely.
    """
    end = len(dicom)
    start = 0
    if bytes(dicom[_PREAMBLE_LENGTH : _PREAMBLE_LENGTH + 4]) == b"DICM":
        start = _PREAMBLE_LENGTH + 4
    elif bytes(dicom[0:2]) not in (b"\x02\0", b"\x08\0"):
        raise ScanError("dicom.not-dicom", "it is not a DICOM file")
    uid = None
    if bytes(dicom[start : start + 2]) == b"\x02\0":
        uid, start = _read_meta(dicom, start, end)
    syntax = transfer_syntax(_sniff(dicom, start) if uid is None else uid)
    if syntax.is_deflated:
        data = _inflate(dicom[start:end])
        return File(data, 0, len(data), syntax)
    return File(dicom, start, end, syntax)


def _read_meta(dicom: Buffer, start: int, end: int) -> tuple[str | None, int]:
    """Return the transfer syntax's UID, and where the data set begins."""
    uid = None
    declared_end = 0
    position = start
    previous = 0
    while bytes(dicom[position : position + 2]) == b"\x02\0":
        if position == declared_end and uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
            break  # compressed bytes, which may look like anything
        tag, _, value, length = scan.read_header(dicom, position, EXPLICIT_LITTLE)
        if tag <= previous:
            raise ScanError("dicom.order", "the file meta information is out of order")
        previous = tag
        position = value + length
        if position > end:
            raise scan.truncated()
        if tag == _GROUP_LENGTH and length == 4:
            declared_end = position + EXPLICIT_LITTLE.u32(dicom, value)[0]
        if tag == _TRANSFER_SYNTAX_UID:
            if length > _UID_LENGTH_MAX:
                raise ScanError("dicom.transfer-syntax", "its transfer syntax is not known")
            uid = bytes(dicom[value:position]).decode("latin-1").strip(" \0")
    return uid, position


def _sniff(dicom: Buffer, start: int) -> str:
    """Tell the transfer syntax of a data set that comes without one.

    Only the two in which such files exist are considered; a wrong answer can't do harm, because
    the data set then does not read to its end.
    """
    vr = bytes(dicom[start + 4 : start + 6])
    is_explicit = vr in SHORT_VRS or vr in LONG_VRS
    return EXPLICIT_VR_LITTLE_ENDIAN if is_explicit else IMPLICIT_VR_LITTLE_ENDIAN


def _inflate(deflated: Buffer) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(deflated, INFLATED_LENGTH_MAX)
    except zlib.error:
        raise ScanError("dicom.deflate", "its deflated data set can't be inflated") from None
    if inflater.unconsumed_tail:
        raise ScanError("dicom.deflate", "its deflated data set inflates beyond the limit")
    if not inflater.eof:
        raise scan.truncated()
    rest = inflater.unused_data.strip(b"\0")
    if rest and rest != _gzip_trailer(data).strip(b"\0"):
        raise ScanError("dicom.trailing", "there are bytes after the deflated data set")
    return data


def _gzip_trailer(data: bytes) -> bytes:
    """Return what gzip puts after a deflated stream, and some writers of DICOM with it."""
    return struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


@lru_cache(maxsize=256)
def _meta_head(sop_class_uid: str) -> bytes:
    element = write.element
    return element(EXPLICIT_LITTLE, 0x00020001, b"OB", b"\0\1") + element(
        EXPLICIT_LITTLE, 0x00020002, b"UI", write.uid(sop_class_uid)
    )


@lru_cache(maxsize=64)
def _meta_tail(transfer_syntax_uid: str) -> bytes:
    element = write.element
    return (
        element(EXPLICIT_LITTLE, _TRANSFER_SYNTAX_UID, b"UI", write.uid(transfer_syntax_uid))
        + element(EXPLICIT_LITTLE, 0x00020012, b"UI", write.uid(IMPLEMENTATION_CLASS_UID))
        + element(
            EXPLICIT_LITTLE, 0x00020013, b"SH", write.text(IMPLEMENTATION_VERSION_NAME.encode())
        )
    )


def head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return preamble, prefix and file meta information of a file of ours (PS3.10 Table 7.1-1)."""
    meta = (
        _meta_head(sop_class_uid)
        + write.element(EXPLICIT_LITTLE, 0x00020003, b"UI", write.uid(sop_instance_uid))
        + _meta_tail(transfer_syntax_uid)
    )
    length = EXPLICIT_LITTLE.length32(len(meta))
    return b"%s%s%s%s" % (
        bytes(_PREAMBLE_LENGTH),
        b"DICM",
        write.element(EXPLICIT_LITTLE, 0x00020000, b"UL", length),
        meta,
    )


def deflate(data_set: bytes) -> bytes:
    """Compress a data set as PS3.5 section A.5 asks, padded to an even length."""
    compressor = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = compressor.compress(data_set) + compressor.flush()
    return deflated + b"\0" * (len(deflated) & 1)
