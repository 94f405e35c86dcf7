"""Goal: who reads the folder sees whole files, a manifest that is right, and a marker that is last.

Method: the sender on a folder of its own; what is in it is compared with digests made here.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from gatehouse.adapters.destinations.configuration import Folder
from gatehouse.adapters.destinations.folder import FolderDestination
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import OutgoingInstance
from gatehouse.policy.model import Delivery
from support.disks import SmallDisk
from support.outgoing import outgoing

TO_FOLDER = Delivery("exchange", "folder")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "exchange"
    folder.mkdir()
    return folder


@pytest.fixture
def destination(root: Path) -> FolderDestination:
    return FolderDestination({"exchange": Folder(root)})


def bag_of(root: Path, one: OutgoingInstance) -> Path:
    return root / one.study_instance_uid


def deliver(destination: FolderDestination, *instances: OutgoingInstance) -> None:
    list(destination.send(TO_FOLDER, instances))
    destination.finish(TO_FOLDER, instances)


def manifest(bag: Path) -> dict[str, str]:
    lines = (bag / "manifest-sha256.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_each_instance_has_its_digest_as_its_receipt(
    destination: FolderDestination, tmp_path: Path
) -> None:
    instance = outgoing(tmp_path)

    [receipt] = destination.send(TO_FOLDER, [instance])

    assert (receipt.is_stored, receipt.detail) == (True, f"sha256 {instance.sha256}")


def test_a_study_is_a_bag_whose_manifest_names_every_file(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    instances = [outgoing(tmp_path, number) for number in (1, 2, 3)]

    deliver(destination, *instances)

    bag = bag_of(root, instances[0])
    files = {file.relative_to(bag).as_posix(): file for file in bag.rglob("*.dcm")}
    assert len(files) == 3
    assert manifest(bag) == {
        name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()
    }
    size = sum(one.size for one in instances)
    assert (bag / "bag-info.txt").read_text() == f"Payload-Oxum: {size}.3\n"
    assert (bag / "bagit.txt").read_text().startswith("BagIt-Version: 1.0\n")
    digest = hashlib.sha256((bag / "manifest-sha256.txt").read_bytes()).hexdigest()
    assert (bag / "COMPLETE").read_text() == f"{digest}  manifest-sha256.txt\n"
    assert not list(root.rglob("*.part"))


def test_there_is_no_marker_while_a_study_is_being_written(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    first, second = outgoing(tmp_path, 1), outgoing(tmp_path, 2)
    deliver(destination, first)

    list(destination.send(TO_FOLDER, [second]))

    assert not (bag_of(root, first) / "COMPLETE").exists()


def test_instances_that_come_later_are_in_one_manifest_with_the_others(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    first, second = outgoing(tmp_path, 1), outgoing(tmp_path, 2)
    deliver(destination, first)

    deliver(destination, second)

    assert len(manifest(bag_of(root, first))) == 2


def test_to_finish_once_more_changes_nothing(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    instance = outgoing(tmp_path)
    deliver(destination, instance)
    before = (bag_of(root, instance) / "COMPLETE").stat().st_mtime_ns

    destination.finish(TO_FOLDER, [instance])

    assert (bag_of(root, instance) / "COMPLETE").stat().st_mtime_ns == before


def test_a_file_that_was_taken_away_is_missed_before_the_marker_is_written(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    instance = outgoing(tmp_path)
    list(destination.send(TO_FOLDER, [instance]))
    next(root.rglob("*.dcm")).unlink()

    with pytest.raises(DeliveryError, match="1 files that were written are not in the folder"):
        destination.finish(TO_FOLDER, [instance])

    assert not (bag_of(root, instance) / "COMPLETE").exists()


def test_only_a_file_with_its_digest_counts_as_there(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    whole, changed, absent = (outgoing(tmp_path, number) for number in (1, 2, 3))
    deliver(destination, whole, changed)
    next(root.rglob(f"{changed.sop_instance_uid}.dcm")).write_bytes(b"changed")

    found, how = destination.present(TO_FOLDER, [whole, changed, absent])

    assert (found, how) == ({whole.sop_instance_uid}, "SHA-256")


def test_what_has_changed_since_it_was_verified_is_not_written(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    instance = outgoing(tmp_path)
    instance.file.write_bytes(b"something else")

    with pytest.raises(DeliveryError, match="has changed since it was verified"):
        list(destination.send(TO_FOLDER, [instance]))

    assert not [file for file in root.rglob("*") if file.is_file()]


@pytest.mark.parametrize("uid", ["../../etc", "1.2/3", "", "1." * 40 + "1", "1..2"])
def test_a_uid_that_is_none_makes_no_path(
    destination: FolderDestination, root: Path, tmp_path: Path, uid: str
) -> None:
    instance = replace(outgoing(tmp_path), study_instance_uid=uid)

    with pytest.raises(DeliveryError, match="a UID that is none") as caught:
        list(destination.send(TO_FOLDER, [instance]))

    assert caught.value.is_permanent
    assert list(root.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(
    destination: FolderDestination, root: Path, tmp_path: Path
) -> None:
    root.rmdir()

    with pytest.raises(DeliveryError, match="the folder is not there") as caught:
        list(destination.send(TO_FOLDER, [outgoing(tmp_path)]))

    assert not caught.value.is_permanent
    assert not root.exists()


def test_a_connection_test_leaves_nothing_behind(
    destination: FolderDestination, root: Path
) -> None:
    assert destination.test("exchange") == "a file was written and removed"
    assert list(root.iterdir()) == []


def test_a_folder_that_nobody_configured_is_a_permanent_failure(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="no such folder") as caught:
        list(FolderDestination({}).send(TO_FOLDER, [outgoing(tmp_path)]))

    assert caught.value.is_permanent


def large(instance: OutgoingInstance) -> OutgoingInstance:
    """Make an instance larger than what is given back where its marker is removed."""
    instance.file.write_bytes(bytes(1 << 20))
    digest = hashlib.sha256(instance.file.read_bytes()).hexdigest()
    return replace(instance, sha256=digest, size=1 << 20)


@pytest.mark.parametrize("fault", ["full", "read_only"])
def test_a_disk_that_takes_nothing_is_named_and_nothing_partial_stays(
    tmp_path: Path, fault: str
) -> None:
    with SmallDisk(tmp_path / "disk") as disk:
        disk.writers = lambda: [os.getpid()]
        destination = FolderDestination({"exchange": Folder(disk.folder)})
        first, second = outgoing(tmp_path, 1), large(outgoing(tmp_path, 2))
        deliver(destination, first)

        with getattr(disk, fault)(), pytest.raises(DeliveryError) as caught:
            list(destination.send(TO_FOLDER, [second]))
        left = [file.name for file in disk.folder.rglob("*.part")]
        deliver(destination, first, second)

        assert str(caught.value) == f"nothing can be written there ({disk.words(fault)})"
        assert not caught.value.is_permanent
        assert left == []
        assert len(manifest(bag_of(disk.folder, second))) == 2


def test_a_disk_that_is_full_before_the_manifest_leaves_no_marker(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "disk") as disk:
        disk.writers = lambda: [os.getpid()]
        destination = FolderDestination({"exchange": Folder(disk.folder)})
        instance = outgoing(tmp_path)
        list(destination.send(TO_FOLDER, [instance]))

        with disk.full(), pytest.raises(DeliveryError, match="nothing can be written there"):
            destination.finish(TO_FOLDER, [instance])
        is_marked = (bag_of(disk.folder, instance) / "COMPLETE").exists()
        destination.finish(TO_FOLDER, [instance])

        assert not is_marked
        assert (bag_of(disk.folder, instance) / "COMPLETE").exists()
