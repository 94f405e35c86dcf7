"""Writes the journal of reception: a line is on the disk before its instance is.

Standard library only: it runs inside Orthanc. One ``write`` of a whole line, then ``fdatasync``. A
line that could not be written is taken back, so that no later one is joined to half of it; where
even that fails, the next line begins a new file.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gatehouse.pipeline.reception_journal import (
    FOLDER,
    ReceptionMark,
    ReceptionRefusal,
    file_name,
    is_file_name,
    number_of,
)

LINES_PER_FILE = 20_000
"""Then a new file is begun; the one before is deleted when it was read."""


class JournalWriter:
    """Appends to the newest file. May be used from several threads.

    Parameters
    ----------
    home : Path
        The private folder of Gatehouse; the journal's own is made in it.
    """

    def __init__(
        self,
        home: Path,
        *,
        lines_per_file: int = LINES_PER_FILE,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._folder = home / FOLDER
        self._lines_per_file = lines_per_file
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._descriptor = -1
        self._path = self._folder
        self._lines = 0
        self._size = 0

    def open(self) -> None:
        """Begin a new file, in a folder of its own. Raises ``OSError``."""
        with self._lock:
            self._begin()

    def write(self, entry: ReceptionMark | ReceptionRefusal) -> None:
        """Write one line; a mark is on the disk when this returns. Raises ``OSError``."""
        line = entry.to_line()
        with self._lock:
            if self._descriptor < 0 or self._lines >= self._lines_per_file:
                self._begin()
            try:
                self._append(line)
                # Nothing is stored of what was refused, so that nothing depends on its line.
                if isinstance(entry, ReceptionMark):
                    os.fdatasync(self._descriptor)
            except OSError:
                self._take_back()
                raise
            self._lines += 1
            self._size += len(line)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._end()

    def _append(self, line: bytes) -> None:
        if os.write(self._descriptor, line) != len(line):
            # A disk that took a part of it is full.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _begin(self) -> None:
        self._end()
        if not self._folder.exists():
            self._folder.mkdir(mode=0o700)
            _sync_folder(self._folder.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        path = self._folder / file_name(self._next_number())
        descriptor = os.open(path, flags, 0o600)
        try:
            _sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        self._descriptor, self._path, self._lines, self._size = descriptor, path, 0, 0

    def _next_number(self) -> int:
        """Return the time, or more: the newest file is the last also if the clock went back."""
        names = [file.name for file in self._folder.iterdir() if is_file_name(file.name)]
        newest = max((number_of(name) for name in names), default=0)
        return max(self._now_ns(), newest + 1)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._end()
            return
        if self._size == 0:
            # A full disk must not collect an empty file for each instance that it can't take.
            with suppress(OSError):
                self._path.unlink()
        self._end()

    def _end(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            with suppress(OSError):
                os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
