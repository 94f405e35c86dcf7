"""Speaks HTTP to the Orthanc that holds the identified originals (``pipeline.ports.Archive``).

Every request has time limits, follows no redirect, takes no proxy or password from the environment,
and is tried once more on a fresh connection when the old one was dead: Orthanc closes connections
that idled for a second. Each of these requests may be repeated without harm.
"""

from __future__ import annotations

import calendar
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from gatehouse.adapters.kept_connection import Answer, KeptConnection, NoAnswerError
from gatehouse.errors import UnavailableError
from gatehouse.pipeline.ports import ChangeEntry, ReceivedInstance
from gatehouse.policy.model import Origin

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 120.0
"""Without a byte from Orthanc for this long; its storage may be a slow one."""

DESCRIBE_MAX = 500
"""Instances in one ``/tools/bulk-content``: a fraction of a second of Orthanc's work."""

PROTOCOLS = {
    "DicomProtocol": "dicom",
    "RestApi": "http",
    "Plugins": "plugin",
    "Lua": "lua",
}
"""Orthanc's metadata ``Origin`` -> ``Origin.protocol``."""

USER_METADATA = {
    "GatehouseDeidentified": 4250,
    "GatehousePolicy": 4251,
}
"""Numbers of our marks, which work whether or not ``UserMetadata`` names them."""


class ArchiveError(UnavailableError):
    """Orthanc did not do what it was asked for. Names the request, never a value.

    Parameters
    ----------
    status : int
        HTTP status; 0 if there was no answer.
    """

    def __init__(self, what: str, status: int) -> None:
        super().__init__(what, status)
        self.what = what
        self.status = status

    def __str__(self) -> str:
        said = f"status {self.status}" if self.status else "no answer"
        return f"Orthanc: {self.what}: {said}"


class OrthancArchive:
    """The archive, over HTTP. May be used from several threads.

    Parameters
    ----------
    url : str
        E.g. ``"http://127.0.0.1:8042"``.
    authorization : str
        Value of the header ``Authorization``.
    """

    def __init__(
        self, url: str, authorization: str, *, read_timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self._server = KeptConnection(
            url,
            # Compressing pixels for a neighbour on the same machine costs more than all else.
            {"Authorization": authorization, "Accept-Encoding": "identity"},
            connect_timeout_s=CONNECT_TIMEOUT_S,
            read_timeout_s=read_timeout_s,
        )
        self._studies: dict[str, str] = {}
        self._has_labels: bool | None = None

    # ---- The inbox

    def changes(self, since: int, limit: int) -> tuple[Sequence[ChangeEntry], int, bool]:
        """Return new-instance entries after ``since``, the last sequence read, and whether done."""
        page = self.get_json("/changes", since=since, limit=limit)
        entries = [
            ChangeEntry(row["Seq"], row["ID"])
            for row in page["Changes"]
            if row["ChangeType"] == "NewInstance"
        ]
        return entries, page["Last"], page["Done"]

    def last_change(self) -> int:
        """Return the number of the newest change; 0 if there never was one."""
        return int(self.get_json("/changes", last="")["Last"])

    def instance_ids(self, page: int = 1000) -> Iterator[Sequence[str]]:
        """Yield the Orthanc IDs of all instances, page by page."""
        since = 0
        while ids := self.get_json("/instances", since=since, limit=page):
            yield ids
            since += page

    def describe(self, orthanc_ids: Sequence[str]) -> Sequence[ReceivedInstance]:
        """Return what is known of instances; those that are gone are left out."""
        found: list[ReceivedInstance] = []
        for start in range(0, len(orthanc_ids), DESCRIBE_MAX):
            part = list(orthanc_ids[start : start + DESCRIBE_MAX])
            asked = {"Resources": part, "Level": "Instance", "Metadata": True}
            rows = self.post_json("/tools/bulk-content", asked)
            found += [one for one in map(self._describe, rows) if one is not None]
        return found

    def _describe(self, row: Mapping[str, Any]) -> ReceivedInstance | None:
        try:
            study = self._study_of(row["ParentSeries"])
        except LookupError:
            return None
        metadata = row.get("Metadata", {})
        return ReceivedInstance(
            orthanc_id=row["ID"],
            study_orthanc_id=study,
            series_orthanc_id=row["ParentSeries"],
            attachment_digest=self._digest(row),
            origin=Origin(
                protocol=PROTOCOLS.get(metadata.get("Origin", ""), ""),
                calling_aet=metadata.get("RemoteAET", ""),
                called_aet=metadata.get("CalledAET", ""),
                remote_address=metadata.get("RemoteIP", ""),
                user=metadata.get("HttpUsername", ""),
            ),
            stored_at=_seconds(metadata.get("ReceptionDate", "")),
            sop_class_uid=metadata.get("SopClassUid", ""),
            file_uuid=row.get("FileUuid", ""),
        )

    def _digest(self, row: Mapping[str, Any]) -> str:
        try:
            path = f"/instances/{row['ID']}/attachments/dicom/md5"
            md5 = self._request("GET", path).content.decode("latin-1")
        except LookupError:
            # Orthanc keeps no digests (StoreMD5ForAttachments is false): the name of the file
            # changes with each writing, so that the same bytes count as changed.
            md5 = ""
        return md5 or f"uuid:{row.get('FileUuid', '')}"

    def _study_of(self, series: str) -> str:
        # A series never changes its study: its ID is a digest over the study's UID too.
        known = self._studies.get(series)
        if known is None:
            known = self.get_json(f"/series/{series}")["ParentStudy"]
            if len(self._studies) > 10_000:
                self._studies.clear()
            self._studies[series] = known
        return known

    # ---- Instances

    def read(self, orthanc_id: str) -> bytes:
        """Return the DICOM file of an instance. Raises ``LookupError`` if it is gone."""
        return self._request("GET", f"/instances/{orthanc_id}/file").content

    def store(self, dicom: bytes) -> str:
        """Store our own output; return its Orthanc ID. Its ID must be registered before."""
        answer = self._json("POST", "/instances", dicom)
        if answer.get("Status") not in ("Success", "AlreadyStored"):
            raise ArchiveError("store an instance", HTTPStatus.OK)
        return str(answer["ID"])

    def mark(self, study_orthanc_id: str, metadata: Mapping[str, str], label: str | None) -> None:
        """Set metadata, and a label where this Orthanc has labels (1.12.0)."""
        path = f"/studies/{study_orthanc_id}"
        for name, value in metadata.items():
            number = USER_METADATA.get(name, name)
            self._request("PUT", f"{path}/metadata/{number}", value.encode())
        if label is not None and self.has_labels:
            self._request("PUT", f"{path}/labels/{quote(label, safe='')}", b"")

    # ---- Orthanc itself

    @property
    def has_labels(self) -> bool:
        """True if this Orthanc knows labels."""
        if self._has_labels is None:
            self._has_labels = bool(self.system().get("HasLabels", False))
        return self._has_labels

    def system(self) -> Mapping[str, Any]:
        """Return ``/system``: version, database, capabilities."""
        answer: Mapping[str, Any] = self.get_json("/system")
        return answer

    def modality(self, name: str) -> Mapping[str, Any]:
        """Return the configuration of a key of DicomModalities: AET, Host, Port ..."""
        answer: Mapping[str, Any] = self.get_json(
            f"/modalities/{quote(name, safe='')}/configuration"
        )
        return answer

    def store_at_peer(self, peer: str, dicom: bytes) -> Mapping[str, Any]:
        """Send bytes to a key of OrthancPeers without storing them here; return its answer."""
        path = f"/peers/{quote(peer, safe='')}/store-straight"
        answer: Mapping[str, Any] = self._json("POST", path, dicom)
        return answer

    def get_json(self, path: str, **query: str | int) -> Any:
        """GET a path. Raises ``LookupError`` if it is unknown, else ``ArchiveError``."""
        return self._json("GET", f"{path}?{urlencode(query)}" if query else path)

    def post_json(self, path: str, body: Any) -> Any:
        """POST JSON to a path. Raises as ``get_json``; the body is in no message."""
        return self._json("POST", path, json.dumps(body).encode(), "application/json")

    def delete(self, path: str) -> None:
        """DELETE a path. Raises as ``get_json``."""
        self._request("DELETE", path)

    def _json(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> Any:
        answer = self._request(method, path, body, content_type)
        try:
            return json.loads(answer.content)
        except ValueError:
            # Another server, or a proxy's page.
            raise ArchiveError(f"{method} {_plain(path)}: not JSON", answer.status) from None

    def _request(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        try:
            answer = self._server.request(method, path, body, content_type)
        except NoAnswerError:
            raise ArchiveError(f"{method} {_plain(path)}", 0) from None
        if answer.status == HTTPStatus.NOT_FOUND:
            raise LookupError(_plain(path))
        if answer.status != HTTPStatus.OK:
            raise ArchiveError(f"{method} {_plain(path)}", answer.status)
        return answer


def _plain(path: str) -> str:
    """Return a path without what was asked with it."""
    return path.partition("?")[0]


def _seconds(reception_date: str) -> float | None:
    """Read Orthanc's metadata ``ReceptionDate``, which is in UTC and in whole seconds."""
    try:
        return float(calendar.timegm(time.strptime(reception_date, "%Y%m%dT%H%M%S")))
    except ValueError:
        return None
