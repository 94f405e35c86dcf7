"""Goal: the benchmark measures what it says it measures.

Method: make one instance of each generated study, write it, read it back with pydicom, and compare
sizes, numbers of elements and depth with what the benchmark's report states.
"""

from __future__ import annotations

import functools
import io
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from bench import images, reports
from bench.data import STUDIES, write_copies, write_study
from bench.headers import count_elements, pad_with_private


@functools.cache
def written(name: str, instance: int = 0) -> tuple[bytes, pydicom.FileDataset]:
    target = io.BytesIO()
    STUDIES[name].build(instance, name).save_as(target, enforce_file_format=True)
    return target.getvalue(), pydicom.dcmread(io.BytesIO(target.getvalue()))


def depth(data_set: Dataset) -> int:
    nested = [item for element in data_set if element.VR == "SQ" for item in element.value]
    return 1 + max(map(depth, nested)) if nested else 0


@pytest.mark.parametrize(
    ("name", "elements"),
    [
        ("ct", images.CT_ELEMENTS),
        ("mr", images.MR_ELEMENTS),
        ("dx", images.DX_ELEMENTS),
        ("us", images.US_ELEMENTS),
        ("sr", reports.SR_ELEMENTS),
        ("enhanced-mr", images.ENHANCED_MR_ELEMENTS),
    ],
)
def test_an_object_has_the_stated_number_of_elements(name: str, elements: int) -> None:
    _, read = written(name)

    assert count_elements(read) == elements


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ct", 512 * 512 * 2),
        ("mr", 256 * 256 * 2),
        ("dx", 18_000_000),
        ("enhanced-mr", 104_857_600),
    ],
)
def test_uncompressed_pixels_have_the_stated_size(name: str, size: int) -> None:
    _, read = written(name)

    assert len(read.PixelData) == size
    assert size == int(read.get("NumberOfFrames", 1)) * read.Rows * read.Columns * 2


def test_an_ultrasound_clip_has_120_jpeg_frames() -> None:
    _, read = written("us")

    frames = list(generate_frames(read.PixelData, number_of_frames=read.NumberOfFrames))

    assert len(frames) == 120
    assert all(frame.startswith(b"\xff\xd8") for frame in frames)


def test_a_report_nests_sequences_to_the_stated_depth() -> None:
    _, read = written("sr")

    assert depth(read) == reports.SR_DEPTH


def test_a_ct_slice_has_private_blocks_and_sequences_of_undefined_length() -> None:
    file, read = written("ct")

    assert read[0x00190010].value == "GEMS_ACQU_01"
    assert b"\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff" in file


@pytest.mark.parametrize("name", STUDIES)
def test_the_same_instance_has_the_same_bytes_each_time(name: str) -> None:
    first, _ = written(name)
    written.cache_clear()
    second, _ = written(name)

    assert first == second


def test_the_instances_of_a_study_share_study_and_series_and_nothing_else() -> None:
    _, first = written("ct", 0)
    _, second = written("ct", 1)

    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.PixelData != second.PixelData


def test_another_seed_gives_another_study(tmp_path: Path) -> None:
    one = write_study(STUDIES["mr"], tmp_path / "one", 1)
    two = write_study(STUDIES["mr"], tmp_path / "two", 1, seed="2")

    first = pydicom.dcmread(one / "00000.dcm")
    second = pydicom.dcmread(two / "00000.dcm")

    assert first.StudyInstanceUID != second.StudyInstanceUID


def test_copies_differ_in_their_sop_instance_uid_only(tmp_path: Path) -> None:
    folder = write_copies(STUDIES["mr"], tmp_path / "copies", 3)

    read = [pydicom.dcmread(file) for file in sorted(folder.iterdir())]

    assert len({one.SOPInstanceUID for one in read}) == 3
    assert all(one.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID for one in read)
    assert len({one.StudyInstanceUID for one in read}) == 1
    assert len({one.PixelData for one in read}) == 1


def test_too_few_private_elements_are_an_error_and_not_a_smaller_object() -> None:
    file = STUDIES["ct"].build(0, "ct")

    with pytest.raises(ValueError, match="elements are missing"):
        pad_with_private(file, ("GEMS_STDY_01",), 10_000)
