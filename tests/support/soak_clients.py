"""Clients of a site under load: they send studies, again and again until they are taken."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests

from support.dicom_builder import ct, to_bytes
from support.gateway import Gateway

CANARY = "SOAKCANARY"
UID_ROOT = "1.2.826.0.1.3680043.8.498.7350"

INSTANCES_MAX = 12

PATIENCE_S = 1800.0

Instance = tuple[int, int]
"""Number of the study and of the instance: what its pixels say."""


def instance(study: int, number: int) -> bytes:
    """Return a CT whose pixels say which one it is, with a canary wherever a person could be."""
    uid = f"{UID_ROOT}.{study}"
    data_set = ct(
        rows=16,
        columns=16,
        PatientName=f"{CANARY}^NAME{study}",
        PatientID=f"{CANARY}-{study}",
        AccessionNumber=f"{CANARY}A{study}"[:16],
        StudyDescription=f"{CANARY} study",
        InstitutionName=f"{CANARY} hospital",
        StudyInstanceUID=uid,
        SeriesInstanceUID=f"{uid}.1",
        SOPInstanceUID=f"{uid}.1.{number}",
        FrameOfReferenceUID=f"{uid}.2",
        InstanceNumber=str(number),
    )
    data_set.PixelData = struct.pack("<II", study, number) + data_set.PixelData[8:]
    return to_bytes(data_set)


class Clients(threading.Thread):
    """Modalities that send one study after the other until they are told to stop.

    Every third study comes by C-STORE. Nothing is given up: what is not answered with success is
    sent again.
    """

    def __init__(
        self, gateway: Gateway, folder: Path, seed: int, is_enough: Callable[[], bool]
    ) -> None:
        super().__init__(name="clients", daemon=True)
        self.sent: set[Instance] = set()
        self.studies = 0
        self.tried_again = 0
        self._gateway = gateway
        self._folder = folder
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self._is_enough = is_enough
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let the study that is being sent be the last one; wait for it."""
        self._stopping.set()
        self.join(PATIENCE_S)
        assert not self.is_alive(), "the clients could not send their last study"

    def run(self) -> None:
        while not self._stopping.is_set():
            if self._is_enough():
                self._stopping.wait(0.2)
                continue
            self.studies += 1
            count = self._random.randint(2, INSTANCES_MAX)
            files = {
                (self.studies, number): instance(self.studies, number)
                for number in range(1, count + 1)
            }
            if self.studies % 3:
                for which, dicom in files.items():
                    self._until_taken(lambda dicom=dicom: self._post(dicom))  # type: ignore[misc]
                    self.sent.add(which)
            else:
                paths = [self._folder / f"{number}.dcm" for _, number in files]
                for path, dicom in zip(paths, files.values(), strict=True):
                    path.write_bytes(dicom)
                self._until_taken(lambda paths=paths: self._c_store(paths))  # type: ignore[misc]
                self.sent |= set(files)

    def _until_taken(self, send: Callable[[], bool]) -> None:
        while not send():
            self.tried_again += 1
            time.sleep(0.3)

    def _post(self, dicom: bytes) -> bool:
        try:
            return self._gateway.post("/instances", data=dicom).status_code == 200
        except requests.RequestException:
            return False

    def _c_store(self, paths: list[Path]) -> bool:
        return self._gateway.c_store(*paths).returncode == 0
