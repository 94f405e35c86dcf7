"""A gateway with the shipped policies, and the research archive that it delivers to, for pages."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pydicom
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from support.gateway import Gateway
from support.orthanc import ROOT, Orthanc, eventually

END_STATES = ("done", "held", "rejected")


class UiSite:
    """A context manager that starts both Orthancs and ends them.

    Parameters
    ----------
    settings : dict
        Of the section ``Gatehouse``, over those that it needs.
    """

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.research = Orthanc(folder / "research", DicomAet="RESEARCH")
        self.gateway = Gateway(
            folder / "gateway", settings=settings, research_port=self.research.dicom_port
        )
        # As orthanc.json has it: then the service compresses its answers.
        self.gateway.configuration["HttpCompressionEnabled"] = False
        self.policies = self.gateway.policies
        shutil.rmtree(self.policies)
        shutil.copytree(ROOT / "policies", self.policies)
        self.research.configuration["DicomModalities"] = {}
        self.research.configuration["DicomAlwaysAllowStore"] = True
        self.research.configuration["DicomAlwaysAllowFind"] = True

    def __enter__(self) -> UiSite:
        self.research.start()
        try:
            self.gateway.start()
        except BaseException:
            self.research.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.gateway.kill()
        self.research.kill()

    @property
    def url(self) -> str:
        """Where the gateway's pages are."""
        return self.gateway.url

    def send(self, *datasets: Dataset, wait: bool = True, **how: str) -> int:
        """Send data sets of one study by C-STORE; return our number of it when it has ended."""
        files = []
        for number, dataset in enumerate(datasets):
            file = self.gateway.folder / f"send-{number}.dcm"
            dataset.save_as(file, enforce_file_format=True)
            files.append(file)
        sent = self.gateway.c_store(*files, **how)
        assert sent.returncode == 0, sent.stderr[-2000:]
        uid = datasets[0].StudyInstanceUID
        return self.wait_for(str(uid)) if wait else 0

    def wait_for(self, study_instance_uid: str, states: tuple[str, ...] = END_STATES) -> int:
        """Wait until a study is in one of these states; return our number of it."""
        query = {"Level": "Study", "Query": {"StudyInstanceUID": study_instance_uid}}

        def found() -> int | None:
            for one in self.gateway.post("/tools/find", json=query).json():
                answer = self.gateway.get(f"/gatehouse/studies/{one}")
                if answer.status_code == 200 and answer.json().get("state") in states:
                    return int(answer.json()["id"])
            return None

        return int(eventually(found, 120, "the study did not come to its end"))


def sample(name: str, **attributes: Any) -> Dataset:
    """Return one of pydicom's test files as a study of its own; ``attributes`` over its own."""
    path = get_testdata_file(name, download=False)
    assert path is not None, name
    dataset = pydicom.dcmread(path)
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def copies(dataset: Dataset, number: int) -> list[Dataset]:
    """Return a data set as this many instances of one series."""
    made = []
    for index in range(number):
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        buffer.seek(0)
        one = pydicom.dcmread(buffer)
        one.SOPInstanceUID = generate_uid()
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.InstanceNumber = index + 1
        made.append(one)
    return made
