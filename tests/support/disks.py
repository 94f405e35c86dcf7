"""A small disk of its own, that can be filled and made read-only.

Needs the right to mount a file system, which a container may not give. Without it, what is done
to the disk is done to the processes that write to it: no file of theirs may grow
(``RLIMIT_FSIZE``), so that they meet an ``OSError`` at the same places, only with another number.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

SIZE_MIB = 48


class SmallDisk:
    """A folder that is a file system of its own. A context manager that mounts and unmounts it.

    ``writers`` says who writes to it, for where nothing can be mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writers: Callable[[], Iterable[int]] = tuple
        self._is_mounted = False

    def __enter__(self) -> SmallDisk:
        # A home, and what is in it, is closed to others; ``parents`` alone would leave it open.
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        options = f"size={SIZE_MIB}m,mode=0700,uid={os.geteuid()}"
        self._is_mounted = self._run("mount", "-t", "tmpfs", "-o", options, "gatehouse-test")
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room on it for a while."""
        if not self._is_mounted:
            with self._forbidden_to_grow():
                yield
            return
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:
            for block in (1 << 20, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(bytes(block))
        try:
            yield
        finally:
            filler.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Let nobody write to it for a while."""
        if not self._is_mounted:
            with self._forbidden_to_grow():
                yield
            return
        subprocess.run(["mount", "-o", "remount,ro", str(self.folder)], check=True)
        try:
            yield
        finally:
            subprocess.run(["mount", "-o", "remount,rw", str(self.folder)], check=True)

    def words(self, fault: str) -> str:
        """Return the system's words for what a writer meets while it is ``full``, ``read_only``."""
        number = {"full": errno.ENOSPC, "read_only": errno.EROFS}[fault]
        return os.strerror(number if self._is_mounted else errno.EFBIG)

    @contextlib.contextmanager
    def _forbidden_to_grow(self) -> Iterator[None]:
        self._limit(0)
        try:
            yield
        finally:
            self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        for pid in self.writers():
            try:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            except OSError as error:
                if error.errno != errno.ESRCH:
                    raise

    def _run(self, *command: str) -> bool:
        return subprocess.run([*command, str(self.folder)], capture_output=True).returncode == 0
