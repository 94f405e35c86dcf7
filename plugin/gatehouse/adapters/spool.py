"""The spool: verified outputs on disk, until every destination has them.

``spool/STUDY/GENERATION/SOP_INSTANCE_UID_NEW.dcm``; our numbers and new UIDs only. A file is there
whole or not at all: it is written under a temporary name, synced and renamed. What is made while a
study still arrives is in a spool of its own, ``spool/early/WORKER``, which survives nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gatehouse.errors import HoldError
from gatehouse.pipeline.ports import Spool

_NAME = re.compile(r"[0-9][0-9.]{0,63}")  # a UID (PS3.5 9.1)
_READ = 1 << 20


class FolderSpool:
    """A spool in a private folder (``pipeline.ports.Spool``).

    Parameters
    ----------
    is_lasting : bool
        Whether what is written must survive a power cut; what is not lasting is synced when
        another spool adopts it.
    """

    def __init__(self, root: Path, *, is_lasting: bool = True) -> None:
        self.root = root
        self._is_lasting = is_lasting

    def write(
        self, study_id: int, generation: int, name: str, chunks: Sequence[bytes | memoryview]
    ) -> tuple[str, int]:
        """Write an output, whole or not at all; return its SHA-256 in hex and its size."""
        target = self.path(study_id, generation, name)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as stream:
                size = sum(_write_all(stream.fileno(), chunk) for chunk in chunks)
                if self._is_lasting:
                    os.fsync(stream.fileno())
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return digest.hexdigest(), size

    def settle(self, study_id: int, generation: int) -> None:
        """Have the names of what was written survive a power cut: once for many files."""
        folder = self._folder(study_id, generation)
        for one in (folder, folder.parent):
            with contextlib.suppress(FileNotFoundError):
                _sync(one, os.O_DIRECTORY)

    def adopt(self, other: Spool, study_id: int, generation: int, names: Sequence[str]) -> None:
        """Take outputs of a run over from another spool on the same file system.

        Raises
        ------
        OSError
            If one of them is not there any more. Those before it were taken over.
        """
        folder = self._folder(study_id, generation)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            file = other.path(study_id, generation, name)
            _sync(file)
            file.replace(self.path(study_id, generation, name))
        self.settle(study_id, generation)

    def path(self, study_id: int, generation: int, name: str) -> Path:
        """Return where an output is, or would be."""
        if not _NAME.fullmatch(name):
            # It would be a file name that somebody else chose.
            raise HoldError("spool.name", "the new SOP Instance UID is not a UID")
        return self._folder(study_id, generation) / f"{name}.dcm"

    def is_intact(self, study_id: int, generation: int, name: str, sha256: str) -> bool:
        """Return whether an output is there with this digest."""
        digest = hashlib.sha256()
        try:
            with self.path(study_id, generation, name).open("rb") as stream:
                while block := stream.read(_READ):
                    digest.update(block)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == sha256

    def remove(self, study_id: int, generation: int) -> None:
        """Remove the outputs of one run, if there are any."""
        folder = self._folder(study_id, generation)
        shutil.rmtree(folder, ignore_errors=False, onerror=_unless_gone)
        try:
            folder.parent.rmdir()
        except OSError:
            # Not empty: another run over this study has its outputs there.
            return

    def runs(self) -> list[tuple[int, int]]:
        """Return study and generation of all that has outputs here."""
        found = [folder.parts[-2:] for folder in self.root.glob("*/*") if folder.is_dir()]
        return [(int(one), int(two)) for one, two in found if one.isdigit() and two.isdigit()]

    def size(self) -> int:
        """Return the bytes of all outputs, those that were not adopted yet among them."""
        return _size(self.root)

    def size_of(self, study_id: int, generation: int) -> int:
        """Return the bytes of one run's outputs."""
        return _size(self._folder(study_id, generation))

    def _folder(self, study_id: int, generation: int) -> Path:
        return self.root / str(int(study_id)) / str(int(generation))


def _write_all(descriptor: int, chunk: bytes | memoryview) -> int:
    rest = memoryview(chunk).cast("B")
    size = len(rest)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return size


def _sync(path: Path, flags: int = 0) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(folder: str | Path) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += _size(entry.path)
                else:
                    # Removed since it was listed: then it takes no place.
                    with contextlib.suppress(FileNotFoundError):
                        total += entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return total
    return total


def _unless_gone(_function: object, _path: object, about: tuple[object, object, object]) -> None:
    error = about[1]
    if isinstance(error, BaseException) and not isinstance(error, FileNotFoundError):
        raise error
