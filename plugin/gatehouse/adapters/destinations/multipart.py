"""A body of the type ``multipart/related`` out of files, with its length, read piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO


class MultipartBody:
    """What is sent by STOW-RS (PS3.18 8.6.1.2.1). A file is open while its bytes are read.

    Parameters
    ----------
    boundary : str
        What stands between the parts; nothing that could be in a file.
    """

    def __init__(self, files: Sequence[Path], boundary: str) -> None:
        head = f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        self._pieces: list[bytes | Path] = []
        for file in files:
            self._pieces += [head, file]
        self._pieces.append(f"\r\n--{boundary}--\r\n".encode())
        self._size = sum(
            len(piece) if isinstance(piece, bytes) else piece.stat().st_size
            for piece in self._pieces
        )
        self._rest = iter(self._pieces)
        self._text = b""
        self._file: BinaryIO | None = None

    def __enter__(self) -> MultipartBody:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return self._size

    def __bool__(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most so many; none at the end."""
        while True:
            if self._text:
                found = self._text if size < 0 else self._text[:size]
                self._text = self._text[len(found) :]
                return found
            if self._file is not None:
                found = self._file.read(size)
                if found:
                    return found
                self._file.close()
                self._file = None
            piece = next(self._rest, None)
            if piece is None:
                return b""
            if isinstance(piece, bytes):
                self._text = piece
            else:
                self._file = piece.open("rb")
