"""Writes files to a folder: one bag for each study, with digests, ended by a marker.

    PATH/STUDY/bagit.txt, bag-info.txt, manifest-sha256.txt     (RFC 8493)
    PATH/STUDY/data/SERIES/SOP_INSTANCE.dcm
    PATH/STUDY/COMPLETE                                         last; gone while anything changes

Each file appears whole or not at all: it is written under another name, synced and renamed. Who
reads the folder waits for the marker, which names the digest of the manifest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gatehouse.adapters.destinations.configuration import Folder
from gatehouse.adapters.destinations.plain import PlainDestination
from gatehouse.adapters.destinations.uids import as_name
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery

BLOCK_BYTES = 1 << 20
MARKER = "COMPLETE"
MANIFEST = "manifest-sha256.txt"
BAGIT = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PARTIAL = ".part"


class FolderDestination(PlainDestination):
    """Destinations of ``via: folder`` (``pipeline.ports.Destination``)."""

    def __init__(self, folders: Mapping[str, Folder]) -> None:
        self._folders = folders

    def send(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterable[InstanceReceipt]:
        """Write instances, yielding the digest of each.

        Raises
        ------
        DeliveryError
            If the folder is not there, or what is written is not what was verified.
        """
        root = self._root(delivery.to)
        for one in instances:
            bag = root / as_name(one.study_instance_uid)
            file = _place(bag, one)
            with one.file.open("rb") as source, _in_words():
                file.parent.mkdir(parents=True, exist_ok=True)
                (bag / MARKER).unlink(missing_ok=True)
                _write(file, source, one.sha256)
            yield InstanceReceipt(one.sop_instance_uid, "written", True, f"sha256 {one.sha256}")

    def present(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> tuple[set[str], str]:
        """Look which files are there with the digest that they must have."""
        root = self._root(delivery.to)
        found = {
            one.sop_instance_uid
            for one in instances
            if _has(_place(root / as_name(one.study_instance_uid), one), one.sha256)
        }
        return found, "SHA-256"

    def finish(self, delivery: Delivery, instances: Sequence[OutgoingInstance], /) -> None:
        """Write the manifest over all files of the study, and then the marker."""
        root = self._root(delivery.to)
        by_study: dict[str, list[OutgoingInstance]] = {}
        for one in instances:
            by_study.setdefault(as_name(one.study_instance_uid), []).append(one)
        for study, parts in by_study.items():
            with _in_words():
                _close_bag(root / study, parts)

    def test(self, name: str) -> str:
        """Write and remove a file."""
        root = self._root(name)
        probe = root / f".gatehouse-test-{os.getpid()}{PARTIAL}"
        with _in_words():
            probe.write_bytes(b"")
            probe.unlink()
        return "a file was written and removed"

    def _root(self, name: str) -> Path:
        folder = self._folders.get(name)
        if folder is None:
            raise DeliveryError("the settings have no such folder", is_permanent=True)
        if not folder.path.is_dir():
            raise DeliveryError("the folder is not there")
        return folder.path


def _place(bag: Path, one: OutgoingInstance) -> Path:
    name = f"{as_name(one.sop_instance_uid)}.dcm"
    return bag / "data" / as_name(one.series_instance_uid) / name


@contextmanager
def _in_words() -> Iterator[None]:
    """Say what the system says of a folder: a full disk is mended by somebody else than a right."""
    try:
        yield
    except OSError as error:
        raise DeliveryError(f"nothing can be written there ({error.strerror})") from None


def _write(file: Path, source: BinaryIO, sha256: str) -> None:
    """Copy an instance whole or not at all, and check that it is what was verified."""
    temporary = file.with_name(f".{file.name}{PARTIAL}")
    try:
        if _copy(source, temporary) != sha256:
            raise DeliveryError("an instance has changed since it was verified")  # noqa: TRY301
        temporary.replace(file)
    except BaseException:
        # Whoever waits for room on a full disk should not wait for what we left there.
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(file.parent)


def _copy(source: BinaryIO, target: Path) -> str:
    """Copy until it is on the disk; return the SHA-256 of what was written."""
    digest = hashlib.sha256()
    with target.open("wb") as stream:
        while block := source.read(BLOCK_BYTES):
            digest.update(block)
            stream.write(block)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def _close_bag(bag: Path, instances: Sequence[OutgoingInstance]) -> None:
    """Describe what is in a bag; nothing happens if it is described so already."""
    digests = {_place(bag, one).relative_to(bag).as_posix(): one.sha256 for one in instances}
    size = 0
    for file in sorted((bag / "data").rglob("*.dcm")):
        name = file.relative_to(bag).as_posix()
        size += file.stat().st_size
        if name not in digests:
            # Of an earlier run over the study, of an original that is gone since.
            digests[name] = _digest(file)
    lost = [name for name in digests if not (bag / name).is_file()]
    if lost:
        raise DeliveryError(f"{len(lost)} files that were written are not in the folder any more")
    manifest = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    checked = hashlib.sha256(manifest.encode()).hexdigest()
    marker = f"{checked}  {MANIFEST}\n"
    if _text(bag / MARKER) == marker and _text(bag / MANIFEST) == manifest:
        return
    (bag / MARKER).unlink(missing_ok=True)
    _write_text(bag / "bagit.txt", BAGIT)
    _write_text(bag / "bag-info.txt", f"Payload-Oxum: {size}.{len(digests)}\n")
    _write_text(bag / MANIFEST, manifest)
    _write_text(bag / MARKER, marker)


def _has(file: Path, sha256: str) -> bool:
    return file.is_file() and _digest(file) == sha256


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _write_text(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}{PARTIAL}")
    with temporary.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
