"""Text within compressed video: user data of MPEG-2, H.264 and HEVC.

Only elementary streams are looked through. What is in a container of films (MP4, transport and
program streams) lies in pieces among tables and titles of that container: see `is_in_container`.
"""

from __future__ import annotations

import re
from typing import Final

from gatehouse.dicom.code_streams import Stretch
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import ScanError

MPEG_2_SUFFIXES: Final = frozenset({"4.100", "4.100.1", "4.101", "4.101.1"})
AVC_SUFFIXES: Final = frozenset(
    f"4.{number}{fragmentable}" for number in range(102, 107) for fragmentable in ("", ".1")
)
HEVC_SUFFIXES: Final = frozenset({"4.107", "4.108"})
"""Of transfer syntaxes below 1.2.840.10008.1.2."""

# Expressions over the bytes of a stream; compiled when the first video comes.
_STARTS: Final = rb"\0*\0\0\x01"
_USER_DATA: Final = rb"\0\0\x01\xb2"
_AVC_SEI: Final = rb"\0\0\x01[\x06\x26\x46\x66]"
_HEVC_SEI: Final = rb"(?s)\0\0\x01[\x4e-\x51]."
_UNIT_END: Final = rb"\0\0[\0\x01]"

_ESCAPE: Final = rb"(?=\0\0\x03)"

_UNIT_LENGTH_MAX: Final = 1 << 20
"""Bytes of a SEI unit. Captions of a frame are some hundred."""

_MORE: Final = 0xFF
"""A byte of a type or size in SEI after which it goes on."""
_REGISTERED, _UNREGISTERED = 4, 5
"""SEI payloads that are user data: of a registered maker, captions among them, and of anybody."""


def is_in_container(head: bytes) -> bool:
    """Tell if these first bytes of a video are not those of an elementary stream."""
    is_program_stream = head[:4] == b"\0\0\1\xba"
    return is_program_stream or re.match(_STARTS, head) is None


def texts_of_mpeg_2(stream: Buffer) -> list[Stretch]:
    """Return the stretches of an MPEG-2 video that are user data (ISO/IEC 13818-2 6.2.2.2)."""
    found = []
    for one in re.finditer(_USER_DATA, stream):
        ended = re.compile(_UNIT_END).search(stream, one.end())
        found.append((one.end(), ended.start() if ended else len(stream)))
    return [(start, end) for start, end in found if start < end]


def texts_of_avc(stream: Buffer) -> list[Stretch]:
    """Return the stretches of an H.264 video that are user data (ISO/IEC 14496-10 7.3.2.3)."""
    return _user_data(stream, _AVC_SEI)


def texts_of_hevc(stream: Buffer) -> list[Stretch]:
    """Return the stretches of an HEVC video that are user data (ISO/IEC 23008-2 7.3.5)."""
    return _user_data(stream, _HEVC_SEI)


def _user_data(stream: Buffer, sei: bytes) -> list[Stretch]:
    found: list[Stretch] = []
    unit_end = re.compile(_UNIT_END)
    for one in re.finditer(sei, stream):
        ended = unit_end.search(stream, one.end())
        found += _messages(stream, one.end(), ended.start() if ended else len(stream))
    return found


def _messages(stream: Buffer, start: int, end: int) -> list[Stretch]:
    """Return what is user data among the messages of a SEI unit.

    A 3 after two zeros is not part of a message: it is there so that none looks like a start code.
    These bytes, and the one after, stay as they are, so that nothing moves.
    """
    if end - start > _UNIT_LENGTH_MAX:
        raise _broken()
    unit = bytes(stream[start:end])
    escapes = [one.start() for one in re.finditer(_ESCAPE, unit)]
    left_out = {place + 2 for place in escapes}
    stays = {place + number for place in escapes for number in range(4)}
    content = [place for place in range(len(unit)) if place not in left_out]
    found: list[Stretch] = []
    at = 0
    while at < len(content) - 1:  # the last byte ends the unit
        kind, at = _number(unit, content, at)
        size, at = _number(unit, content, at)
        message = content[at : at + size]
        if len(message) < size:
            raise _broken()
        at += size
        if kind not in (_REGISTERED, _UNREGISTERED):
            continue
        for place in message:
            if place in stays:
                continue
            first = start + place
            if found and found[-1][1] == first:
                first = found.pop()[0]
            found.append((first, start + place + 1))
    return found


def _number(unit: bytes, content: list[int], at: int) -> tuple[int, int]:
    total = 0
    while at < len(content) and unit[content[at]] == _MORE:
        total += _MORE
        at += 1
    if at >= len(content):
        raise _broken()
    return total + unit[content[at]], at + 1


def _broken() -> ScanError:
    return ScanError("dicom.code-stream", "its video can't be followed", "PixelData")
