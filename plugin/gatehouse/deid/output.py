"""Put the output together from the input and the edits that were made of it."""

from __future__ import annotations

from collections.abc import Iterable

from gatehouse.dicom.scan import Buffer

Edit = tuple[int, int, bytes]
"""Start and end in the input, and what is there in the output. Edits are in order and apart."""

_COPIED_MAX = 16_384
"""Untouched stretches up to this length are copied: a header is thousands of them, and a copy costs
less than a view. Longer ones, pixels above all, are never copied."""


def assemble(
    head: bytes, data: Buffer, start: int, end: int, edits: Iterable[Edit | None]
) -> list[bytes | memoryview]:
    """Return the output as few chunks: joined pieces of the header, and views of what is long.

    Parameters
    ----------
    head : bytes
        Goes first.
    start, end : int
        The data set within ``data``.
    edits : iterable
        ``None`` is an edit that turned out not to be needed.
    """
    view = memoryview(data)
    chunks: list[bytes | memoryview] = []
    pieces: list[bytes | memoryview] = [head]
    position = start
    for edit in (*edits, (end, end, b"")):
        if edit is None:
            continue
        edit_start, edit_end, new = edit
        length = edit_start - position
        if length > _COPIED_MAX:
            chunks.append(b"".join(pieces))
            chunks.append(view[position:edit_start])
            pieces = []
        elif length:
            pieces.append(view[position:edit_start])
        if new:
            pieces.append(new)
        position = edit_end
    chunks.append(b"".join(pieces))
    return [chunk for chunk in chunks if len(chunk)]
