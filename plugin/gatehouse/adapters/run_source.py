"""Finds the studies of a run: in the gateway's Orthanc, or on a PACS that it knows.

What is asked for (accession numbers, names, dates) is passed on and kept nowhere; Orthanc's record
of a query is deleted at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.bench import orthanc_id

STUDIES_MAX = 100_000


class StudySource(Protocol):
    """Where the studies of a run are looked for."""

    def find(self, query: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """Return studies, each by its Orthanc ID and by what it is fetched by."""


class LocalStudies:
    """The gateway's own archive (``/tools/find``)."""

    def __init__(self, archive: OrthancArchive) -> None:
        self._archive = archive

    def find(self, query: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """Return the studies that match; nothing needs to be fetched."""
        asked = {"Level": "Study", "Query": dict(query), "Limit": STUDIES_MAX}
        return [(str(one), "") for one in self._archive.post_json("/tools/find", asked)]


class RemoteStudies:
    """A PACS that Orthanc knows as a modality (C-FIND, C-MOVE)."""

    def __init__(self, archive: OrthancArchive, modality: str) -> None:
        self._archive = archive
        self._path = f"/modalities/{quote(modality, safe='')}"

    def find(self, query: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """Return the studies that the PACS lists, with their Study Instance UIDs.

        Raises
        ------
        LookupError
            If Orthanc knows no such modality.
        UnavailableError
            If the PACS does not answer.
        """
        asked = {"PatientID": "", "StudyInstanceUID": "", **query}
        answer = self._archive.post_json(f"{self._path}/query", {"Level": "Study", "Query": asked})
        path = f"/queries/{answer['ID']}"
        try:
            rows = self._archive.get_json(f"{path}/answers", expand="", simplify="")
        finally:
            self._archive.delete(path)
        return [_study(row) for row in rows if row.get("StudyInstanceUID")]

    def fetch(self, study_instance_uid: str) -> str:
        """Have a study sent here by C-MOVE; return the number of Orthanc's job."""
        aet = self._archive.system().get("DicomAet", "GATEHOUSE")
        answer = self._archive.post_json(
            f"{self._path}/move",
            {
                "Level": "Study",
                "Resources": [{"StudyInstanceUID": study_instance_uid}],
                "TargetAet": aet,
                "Asynchronous": True,
            },
        )
        return str(answer["ID"])

    def job_state(self, job: str) -> str:
        """Return ``Running``, ``Success``, ``Failure`` ...; ``Lost`` if Orthanc forgot it."""
        try:
            return str(self._archive.get_json(f"/jobs/{job}")["State"])
        except LookupError:
            return "Lost"
        except KeyError:
            raise UnavailableError("Orthanc answers something else about a job") from None


def _study(row: Mapping[str, Any]) -> tuple[str, str]:
    uid = str(row["StudyInstanceUID"]).strip()
    # Orthanc pads nothing: it strips what it stores.
    return orthanc_id(str(row.get("PatientID") or "").strip(), uid), uid
