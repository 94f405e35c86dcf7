"""Read data sets without decoding them: find elements, and skip what has no length.

What is inconsistent is not guessed at but raised as `ScanError`. Nothing here copies a value, and
no loop is longer than the number of elements.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from typing import NamedTuple

from gatehouse.dicom.encodings import (
    DEPTH_MAX,
    EXPLICIT_LITTLE,
    FIRST_DELIMITER,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_DELIMITATION,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_DELIMITATION,
    SEQUENCE_VRS,
    SHORT_VRS,
    UNDEFINED,
    Encoding,
    new_budget,
)
from gatehouse.errors import ScanError

Buffer = bytes | memoryview

_DELIMITERS = FIRST_DELIMITER >> 16


class Element(NamedTuple):
    """Where the value of an element is."""

    vr: bytes
    """As written in the file; empty in implicit VR."""
    start: int
    end: int
    encoding: Encoding
    """Of what is inside, if it is a sequence."""


def truncated() -> ScanError:
    """Return the error for an element that reaches beyond the end of its data set or file."""
    return ScanError("dicom.truncated", "an element is longer than what is left of the file")


def too_many() -> ScanError:
    """Return the error for more elements than `ELEMENTS_MAX`."""
    return ScanError("dicom.too-many-elements", "it has more elements than are read safely")


def no_item() -> ScanError:
    """Return the error for a sequence that holds something else than items."""
    return ScanError("dicom.structure", "something else is where an item should be")


def too_long() -> ScanError:
    """Return the error for a value that would have to be read and is too long for that."""
    return ScanError("dicom.too-long", "a value that has to be read is too long to be read safely")


def too_deep() -> ScanError:
    """Return the error for more than `DEPTH_MAX` sequences within each other."""
    return ScanError("dicom.too-deep", f"sequences are nested more than {DEPTH_MAX} deep")


def content_encoding(encoding: Encoding, vr: bytes) -> Encoding:
    """Return the encoding inside an element of undefined length.

    Notes
    -----
    Source: PS3.5 section 6.2.2: an unknown VR (UN) of undefined length holds a sequence in implicit
    VR little endian, whatever is around it.
    """
    return IMPLICIT_LITTLE if vr == b"UN" else encoding


def elements(
    data: Buffer, start: int, end: int, encoding: Encoding, budget: Iterator[None] | None = None
) -> Iterator[tuple[int, Element]]:
    """Yield tag and place of each element of one data set, without going into sequences.

    Raises
    ------
    ScanError
        If the bytes are no data set, when that place is reached.
    """
    budget = budget or new_budget()
    position = start
    for _ in budget:
        if position >= end:
            break
        tag, vr, value, length = read_header(data, position, encoding)
        if tag >= FIRST_DELIMITER:
            raise ScanError("dicom.structure", "a delimiter is where an element should be")
        inside = content_encoding(encoding, vr)
        if length == UNDEFINED:
            position = skip_undefined(data, value, end, tag, vr, inside, 0, budget)
        else:
            position = value + length
        if position > end:
            raise truncated()
        yield tag, Element(vr, value, position, inside)
    else:
        raise too_many()


def find(
    data: Buffer, start: int, end: int, encoding: Encoding, wanted: Container[int], last: int
) -> dict[int, Element]:
    """Return the wanted elements of one data set, reading no further than the tag ``last``."""
    return dict(pick(data, start, end, encoding, wanted, last))


def pick(
    data: Buffer, start: int, end: int, encoding: Encoding, wanted: Container[int], last: int
) -> Iterator[tuple[int, Element]]:
    """Yield what `elements` does of the wanted tags, reading no further than the tag ``last``.

    Notes
    -----
    To pass over what nobody wants costs a third of what `elements` takes for it.
    """
    header, is_explicit = encoding.header, encoding.is_explicit
    budget = new_budget()
    position = start
    vr = b""
    for _ in budget:
        if position >= end:
            break
        try:
            if is_explicit:
                group, element, vr, length = header(data, position)
            else:
                group, element, length = header(data, position)
        except struct.error:
            raise truncated() from None
        tag = group << 16 | element
        value = position + 8
        if is_explicit and (vr not in SHORT_VRS or group == _DELIMITERS):
            tag, vr, value, length = read_header(data, position, encoding)
        if tag >= FIRST_DELIMITER:
            raise ScanError("dicom.structure", "a delimiter is where an element should be")
        if length == UNDEFINED:
            inside = content_encoding(encoding, vr)
            position = skip_undefined(data, value, end, tag, vr, inside, 0, budget)
        else:
            position = value + length
        if position > end:
            raise truncated()
        if tag > last:
            break
        if tag in wanted:
            yield tag, Element(vr, value, position, content_encoding(encoding, vr))
    else:
        raise too_many()


def read_header(data: Buffer, position: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    """Return tag, VR (empty in implicit VR), start of the value, and length of an element."""
    try:
        if not encoding.is_explicit:
            group, element, length = encoding.header(data, position)
            return group << 16 | element, b"", position + 8, length
        group, element, vr, length = encoding.header(data, position)
        if group == _DELIMITERS:
            return group << 16 | element, b"", position + 8, encoding.u32(data, position + 4)[0]
        if vr in SHORT_VRS:
            return group << 16 | element, vr, position + 8, length
        if vr in LONG_VRS:
            (length,) = encoding.u32(data, position + 8)
            return group << 16 | element, vr, position + 12, length
    except struct.error:
        raise truncated() from None
    raise ScanError("dicom.vr", "an element has a value representation that does not exist")


def skip_undefined(
    data: Buffer,
    position: int,
    end: int,
    tag: int,
    vr: bytes,
    encoding: Encoding,
    depth: int,
    budget: Iterator[None],
) -> int:
    """Return the position after an element of undefined length.

    Parameters
    ----------
    position : int
        Start of its value.
    end : int
        End of what it is part of.
    encoding : Encoding
        Of what is inside; see `content_encoding`.
    depth : int
        How many sequences are around it.
    """
    if tag == PIXEL_DATA:
        return skip_fragments(data, position, end, EXPLICIT_LITTLE, budget)
    if vr not in SEQUENCE_VRS:
        raise ScanError("dicom.structure", "an element that is no sequence has no length")
    if depth >= DEPTH_MAX:
        raise too_deep()
    return _skip(data, position, end, encoding, depth + 1, budget, is_in_item=False)


def skip_item(
    data: Buffer, position: int, end: int, encoding: Encoding, depth: int, budget: Iterator[None]
) -> int:
    """Return the position after an item of undefined length and its delimiter."""
    return _skip(data, position, end, encoding, depth, budget, is_in_item=True)


def _skip(
    data: Buffer,
    position: int,
    end: int,
    encoding: Encoding,
    depth: int,
    budget: Iterator[None],
    *,
    is_in_item: bool,
) -> int:
    """Skip items up to the end of their sequence, or elements up to the end of their item.

    What is nested with undefined lengths is gone through in the same loop; what has a length is
    passed over.
    """
    around: list[Encoding] = []
    starts_in_item = is_in_item
    item = encoding.item
    try:
        for _ in budget:
            if not is_in_item:
                group, element, length = item(data, position)
                tag = group << 16 | element
                position += 8
                if tag == ITEM:
                    is_in_item = length == UNDEFINED
                    position += 0 if is_in_item else length
                elif tag != SEQUENCE_DELIMITATION or length:
                    raise no_item()
                elif around:
                    encoding = around.pop()
                    item = encoding.item
                    is_in_item = True
                else:
                    break
                continue
            if encoding.is_explicit:
                _, _, vr, length = encoding.header(data, position)
                if vr in SHORT_VRS:
                    position += 8 + length
                    continue
            tag, vr, value, length = read_header(data, position, encoding)
            if tag == ITEM_DELIMITATION and not length:
                position = value
                if starts_in_item and not around:
                    break
                is_in_item = False
            elif tag >= FIRST_DELIMITER:
                raise ScanError("dicom.structure", "a delimiter is where an element should be")
            elif length != UNDEFINED:
                position = value + length
            elif tag == PIXEL_DATA:
                position = skip_fragments(data, value, end, EXPLICIT_LITTLE, budget)
            elif vr not in SEQUENCE_VRS:
                raise ScanError("dicom.structure", "an element that is no sequence has no length")
            else:
                around.append(encoding)
                encoding = content_encoding(encoding, vr)
                item = encoding.item
                position, is_in_item = value, False
                if depth + len(around) > DEPTH_MAX:
                    raise too_deep()
        else:
            raise too_many()
    except struct.error:
        raise truncated() from None
    if position > end:
        raise truncated()
    return position


def read_item(data: Buffer, position: int, end: int, encoding: Encoding) -> tuple[int, int]:
    """Return the tag at the head of an item, or of the end of a sequence, and its length."""
    if position + 8 > end:
        raise truncated()
    group, element, length = encoding.item(data, position)
    tag = group << 16 | element
    if tag == ITEM or (tag == SEQUENCE_DELIMITATION and not length):
        return tag, length
    raise no_item()


def skip_fragments(
    data: Buffer, position: int, end: int, encoding: Encoding, budget: Iterator[None]
) -> int:
    """Return the position after encapsulated Pixel Data (PS3.5 section A.4)."""
    for _ in budget:
        item, length = read_item(data, position, end, encoding)
        position += 8
        if item == SEQUENCE_DELIMITATION:
            return position
        position += length
        if position > end:
            raise truncated()
    raise too_many()


def items(data: Buffer, sequence: Element) -> Iterator[tuple[int, int]]:
    """Yield start and end of the contents of each item of a sequence.

    Raises
    ------
    ScanError
        If the element is no sequence, when that place is reached.
    """
    budget = new_budget()
    position, end = sequence.start, sequence.end
    while position < end:
        tag, length = read_item(data, position, end, sequence.encoding)
        position += 8
        if tag == SEQUENCE_DELIMITATION:
            return
        if length == UNDEFINED:
            after = skip_item(data, position, end, sequence.encoding, 1, budget)
            yield position, after - 8
        else:
            after = position + length
            if after > end:
                raise truncated()
            yield position, after
        position = after
