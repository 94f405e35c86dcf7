"""Folders of files: found without following links, read without surprises, written whole or not.

Nothing here knows DICOM.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from gatehouse.errors import ConfigurationError

EntryKind = Literal["file", "link", "other", "unreadable"]

MAPPED_BYTES_MIN = 1 << 22
"""A file from this size on is mapped instead of read: its pixels then never are in our memory."""

_SLICE_BYTES = 1 << 23
"""How much of a mapped file is written at once; pages that were touched are given back after."""

_BATCH_MAX = 512
"""Chunks that are written with one call; systems take at least 1,024."""

_END_BYTES = 1 << 16
"""Of each end of a file, how much its checksum is over. All of a file would take a tenth of a run,
only to know later that nobody changed it; what a crash leaves lacks its end, or has zeros there."""

Release = Callable[[], None]


class Entry(NamedTuple):
    """Something in a folder."""

    path: str
    """Below the folder that was walked."""
    kind: EntryKind


def walk(root: Path) -> list[Entry]:
    """Return everything below a folder but the folders themselves, in the order of their paths.

    Symbolic links are named and not followed, whether to files or folders; so are pipes, sockets
    and devices, and folders that can't be read.
    """
    found: list[Entry] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    path = f"{folder}{entry.name}"
                    if entry.is_symlink():
                        found.append(Entry(path, "link"))
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(path + "/")
                    elif entry.is_file(follow_symlinks=False):
                        found.append(Entry(path, "file"))
                    else:
                        found.append(Entry(path, "other"))
        except OSError:
            found.append(Entry(folder.rstrip("/"), "unreadable"))
    return sorted(found)


class Reader:
    """Reads files one after the other into the same memory; large ones are mapped."""

    def __init__(self) -> None:
        self._memory = bytearray(MAPPED_BYTES_MIN)

    @contextlib.contextmanager
    def open(self, path: Path | str) -> Iterator[tuple[memoryview, Release]]:
        """Give a file's bytes, and a function that gives the memory of a mapped one back.

        Valid until the context ends: then the memory is used for the next file.

        Raises
        ------
        OSError
            If it can't be read, or is a link or no plain file by now.
        """
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            if status.st_size < MAPPED_BYTES_MIN:
                yield self._read(descriptor, status.st_size), _nothing
                return
            mapped = mmap.mmap(descriptor, status.st_size, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        with memoryview(mapped) as view:
            yield view, lambda: mapped.madvise(mmap.MADV_DONTNEED)

    def head(self, path: Path | str, length: int) -> tuple[memoryview, os.stat_result]:
        """Return up to ``length`` bytes from the beginning of a file, and its status."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            view = memoryview(self._memory)
            return view[: os.readv(descriptor, [view[:length]])], status
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, size: int) -> memoryview:
        view = memoryview(self._memory)
        end = 0
        while end < size and (count := os.readv(descriptor, [view[end:]])):
            end += count
        return view[:end].toreadonly()


def _nothing() -> None:
    return None


class Written(NamedTuple):
    """By what a file that was written is known again."""

    size: int
    crc32: int
    """Of its first and last 64 KiB."""


class Staging:
    """A folder in which files are written before they get their place in another one.

    Both are in one file system, so that a file appears under its name whole or not at all. The
    folder is ours alone while we run: what a killed run left in it is removed. Each process has a
    folder of its own in it: a folder gets one new file at a time, and processes would wait for it.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self.folder = root / name
        self._made: set[str] = set()
        self._own = (0, "")

    def open(self) -> None:
        """Make the folder, and refuse if another run is at it.

        Raises
        ------
        ConfigurationError
        """
        import fcntl

        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigurationError(f"another run is writing to {self._root}") from None
        self._clear()

    def close(self) -> None:
        """Remove the folder."""
        self._clear()
        self.folder.rmdir()
        os.close(self._lock)

    def write(
        self,
        name: str,
        chunks: Sequence[bytes | memoryview],
        release: Release,
        *,
        may_replace: bool,
    ) -> Written | None:
        """Write a file below the root; None if another one of other content is there already.

        Parameters
        ----------
        name : str
            Path below the root; its folders are made.
        chunks : sequence of bytes or memoryview
            What to write.
        release : function
            Called while a large chunk is written, to give its memory back.
        may_replace : bool
            Whether a file that is there already may be replaced.
        """
        # Paths are plain text here: what pathlib does with them costs as much as the system does.
        temporary = self._temporary()
        is_placed = False
        try:
            written = _write_file(temporary, chunks, release)
            target = self._place(name)
            there = None if may_replace else measure(target)
            if there is not None and not (there == written and _are_same(temporary, target)):
                return None
            os.rename(temporary, target)  # noqa: PTH104
            is_placed = True
        finally:
            if not is_placed:
                Path(temporary).unlink(missing_ok=True)
        return written

    def _clear(self) -> None:
        for folder, folders, files in os.walk(self.folder, topdown=False):
            for name in files:
                Path(folder, name).unlink()
            for left in (Path(folder, name) for name in folders):
                left.unlink() if left.is_symlink() else left.rmdir()

    def _temporary(self) -> str:
        """Return where this process writes."""
        pid = os.getpid()
        if self._own[0] != pid:  # it was made before the processes were forked
            own = self.folder / str(pid)
            own.mkdir(mode=0o700, exist_ok=True)
            self._own = pid, f"{own}/output"
        return self._own[1]

    def _place(self, name: str) -> str:
        """Return the place of a file, whose folder is there."""
        folder = name.rpartition("/")[0]
        if folder not in self._made:
            (self._root / folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        return f"{self._root}/{name}"


def measure(path: Path | str) -> Written | None:
    """Return size and checksum of a file; None if there is no plain file of this name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        size = status.st_size
        first = os.pread(descriptor, _END_BYTES, 0)
        last = os.pread(descriptor, _END_BYTES, max(size - _END_BYTES, 0))
    finally:
        os.close(descriptor)
    return Written(size, zlib.crc32(last, zlib.crc32(first)))


def _measure_chunks(chunks: Sequence[bytes | memoryview]) -> Written:
    """Return what `measure` will return of the file that these make."""
    first, last = bytearray(), b""
    for chunk in chunks:
        if len(first) >= _END_BYTES:
            break
        first += chunk[: _END_BYTES - len(first)]
    for chunk in reversed(chunks):
        if len(last) >= _END_BYTES:
            break
        last = bytes(chunk[-(_END_BYTES - len(last)) :]) + last
    return Written(sum(map(len, chunks)), zlib.crc32(last, zlib.crc32(first)))


def _are_same(one: str, other: str) -> bool:
    """Compare two files byte by byte."""
    with Path(one).open("rb") as first, Path(other).open("rb") as second:
        while block := first.read(1 << 20):
            if block != second.read(1 << 20):
                return False
        return not second.read(1)


def _write_file(path: str, chunks: Sequence[bytes | memoryview], release: Release) -> Written:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        return _write_all(descriptor, chunks, release)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, chunks: Sequence[bytes | memoryview], release: Release) -> Written:
    batch: list[bytes | memoryview] = []
    batch_bytes = 0
    for chunk in chunks:
        if batch_bytes + len(chunk) > _SLICE_BYTES or len(batch) == _BATCH_MAX:
            _write_batch(descriptor, batch, batch_bytes, release)
            batch, batch_bytes = [], 0
        if len(chunk) <= _SLICE_BYTES:
            batch.append(chunk)
            batch_bytes += len(chunk)
            continue
        for start in range(0, len(chunk), _SLICE_BYTES):
            _write(descriptor, memoryview(chunk)[start : start + _SLICE_BYTES])
            release()
    _write_batch(descriptor, batch, batch_bytes, release)
    return _measure_chunks(chunks)


def _write_batch(
    descriptor: int, batch: Sequence[bytes | memoryview], size: int, release: Release
) -> None:
    written = os.writev(descriptor, batch) if batch else 0
    if written < size:
        _write(descriptor, memoryview(b"".join(batch))[written:])
    release()


def _write(descriptor: int, part: memoryview) -> None:
    while part:
        part = part[os.write(descriptor, part) :]


def replace_file(path: Path, text: str) -> None:
    """Write a private text file: it is there whole, or as it was before, also after a crash."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(descriptor)
    temporary.rename(path)
