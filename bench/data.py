"""Writes the generated studies: the same bytes at each run, in folders that are kept between runs.

``python -m bench.data`` writes all of them to ``bench/data``. They are made again when a generator
changes, since the folder's name ends with a digest of the generators.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydicom.dataset import FileDataset

from bench.headers import uid
from bench.images import ct, dx, enhanced_mr, mr, us
from bench.reports import sr

FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Study:
    """A generated study: how many instances of which builder."""

    name: str
    build: Callable[[int, str], FileDataset]
    instances: int
    description: str


STUDIES = {
    study.name: study
    for study in (
        Study("ct", ct, 200, "512 x 512 x 16 bits, 333 elements, GE private blocks"),
        Study("mr", mr, 200, "256 x 256 x 16 bits, 200 elements, Siemens private blocks"),
        Study("dx", dx, 4, "3000 x 3000 x 16 bits, 18 MB each"),
        Study("us", us, 1, "120 JPEG frames of 800 x 600"),
        Study("sr", sr, 50, "2,173 elements each, depth 8"),
        Study("enhanced-mr", enhanced_mr, 1, "800 frames, 26,516 elements, 105 MB"),
    )
}


def write_study(study: Study, folder: Path, instances: int | None = None, seed: str = "") -> Path:
    """Write the first instances of a study as ``folder/00000.dcm`` ...

    Parameters
    ----------
    study : Study
        What to write.
    folder : pathlib.Path
        Is made.
    instances : int, optional
        How many, if not as many as the study has.
    seed : str
        Another seed gives the same study with other UIDs.
    """
    folder.mkdir(parents=True)
    for number in range(study.instances if instances is None else instances):
        file = study.build(number, study.name + seed)
        file.save_as(folder / f"{number:05}.dcm", enforce_file_format=True)
    return folder


def write_copies(study: Study, folder: Path, instances: int, seed: str = "") -> Path:
    """Write instances that differ in their SOP Instance UID only: much quicker than building each.

    Notes
    -----
    All our UIDs have the same length, so one can be put in the place of another.
    """
    folder.mkdir(parents=True)
    first = folder / "00000.dcm"
    original = study.build(0, study.name + seed)
    original.save_as(first, enforce_file_format=True)
    content, old = first.read_bytes(), original.SOPInstanceUID.encode()
    for number in range(1, instances):
        new = uid(study.name, seed, "copy", number).encode()
        (folder / f"{number:05}.dcm").write_bytes(content.replace(old, new))
    return folder


def prepared(name: str, instances: int | None = None) -> Path:
    """Return the folder of a study, written now unless it is there from an earlier run."""
    study = STUDIES[name]
    number = study.instances if instances is None else instances
    folder = FOLDER / f"{name}-{number}-{_digest_of_generators()}"
    if not folder.is_dir():
        for outdated in FOLDER.glob(f"{name}-{number}-*"):
            shutil.rmtree(outdated)
        unfinished = folder.with_suffix(".unfinished")
        write_study(study, unfinished, number).rename(folder)
    return folder


def _digest_of_generators() -> str:
    digest = hashlib.sha256()
    for name in ("data.py", "headers.py", "images.py", "reports.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    for study_name in STUDIES:
        print(prepared(study_name))
