"""What the service hands to the plugin for reception mode: the active pack, as one private file.

Standard library only: the service writes it in the virtual environment's Python, and Orthanc's
reads it. While a pack for reception is active the file is there; without it nothing is taken in.
"""

from __future__ import annotations

import os
import pickle
import stat
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gatehouse import __version__
from gatehouse.errors import PolicyError
from gatehouse.policy.model import Pack

FILE = "reception.pack"
"""In the folder ``run`` of the home."""

PICKLE_PROTOCOL = 4
"""Every Python that can run Gatehouse reads it."""

SIZE_MAX_BYTES = 64 << 20


class Handed(NamedTuple):
    """What the plugin gets."""

    version: str
    """Of Gatehouse."""
    packages: str
    """Where the virtual environment has its packages."""
    pack: Pack


class Stamp(NamedTuple):
    """By what it is known again that a file is the same: it is replaced, never written into."""

    inode: int
    written_at_ns: int
    size: int


def write_pack(run: Path, pack: Pack, packages: str) -> None:
    """Put a pack where the plugin finds it, whole or not at all.

    If it can't be written, what was there is taken away: the plugin must not go on with policies
    that do not decide any more.

    Raises
    ------
    PolicyError
        If it can't be written.
    """
    temporary = run / f"{FILE}.new"
    try:
        temporary.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            pickle.dump((__version__, packages, pack), stream, PICKLE_PROTOCOL)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(run / FILE)
    except OSError as error:
        with suppress(OSError):
            remove_pack(run)
        raise PolicyError(
            f"the policies can't be handed to Orthanc: {os.strerror(error.errno or 0)}"
        ) from None


def remove_pack(run: Path) -> None:
    """Take the file away: nothing is taken in from now on."""
    (run / FILE).unlink(missing_ok=True)


def stamp(run: Path) -> Stamp | None:
    """Return by what the file is known again; None if there is none."""
    try:
        found = (run / FILE).stat(follow_symlinks=False)
    except OSError:
        return None
    return Stamp(found.st_ino, found.st_mtime_ns, found.st_size)


def read_pack(run: Path) -> Handed:
    """Read the pack that the service wrote.

    Raises
    ------
    PolicyError
        If there is none, somebody else could have written it, or another version of Gatehouse did.
    """
    try:
        descriptor = os.open(run / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise PolicyError(
            f"the policies for reception can't be read: {os.strerror(error.errno or 0)}"
        ) from None
    with os.fdopen(descriptor, "rb") as stream:
        about = os.fstat(stream.fileno())
        # What is unpickled runs as code: only what this user wrote, and nobody else could have.
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid():
            raise PolicyError("the file of policies for reception is not this user's")
        if about.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or about.st_size > SIZE_MAX_BYTES:
            raise PolicyError("the file of policies for reception is not as it was written")
        try:
            handed = Handed(*pickle.load(stream))  # noqa: S301  see above
        except Exception as error:  # noqa: BLE001  broken files raise anything
            raise PolicyError(
                f"the policies for reception can't be read ({type(error).__name__})"
            ) from None
    is_right = handed.version == __version__ and isinstance(handed.pack, Pack)
    if not is_right or not handed.pack.reception:
        raise PolicyError("the file of policies for reception is of another version of Gatehouse")
    return handed
