"""Finds the studies of a run: in the gateway's Orthanc, or on a PACS that it knows.

What is asked for (accession numbers, names, dates) is passed on and kept nowhere; Orthanc's record
of a query is deleted at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote

from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.workbench import orthanc_id

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
        with self._query({"PatientID": "", "StudyInstanceUID": "", **query}) as path:
            rows = self._archive.get_json(f"{path}/answers", expand="", simplify="")
        return [_study(row) for row in rows if row.get("StudyInstanceUID")]

    def fetch(self, study_instance_uid: str) -> str:
        """Have a study sent here by C-MOVE; return the ID of Orthanc's job.

        Through a query, because Orthanc's plain ``/move`` makes no job of it.

        Raises
        ------
        LookupError
            If Orthanc knows no such modality, or the PACS has no such study any more.
        """
        aet = self._archive.system().get("DicomAet", "GATEHOUSE")
        with self._query({"StudyInstanceUID": study_instance_uid}) as path:
            answer = self._archive.post_json(
                f"{path}/answers/0/retrieve", {"TargetAet": aet, "Synchronous": False}
            )
        return str(answer["ID"])

    @contextmanager
    def _query(self, query: Mapping[str, str]) -> Iterator[str]:
        """Ask by C-FIND; yield where Orthanc keeps the answers, and have it forget them."""
        asked = {"Level": "Study", "Query": dict(query)}
        answer = self._archive.post_json(f"{self._path}/query", asked)
        path = f"/queries/{answer['ID']}"
        try:
            yield path
        finally:
            self._archive.delete(path)

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
