"""All ways to send, as the settings describe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gatehouse.adapters.destinations.associations import ANSWER_TIMEOUT_S
from gatehouse.adapters.destinations.configuration import Bucket, Folder, HttpServer
from gatehouse.adapters.destinations.dicom import DicomDestination
from gatehouse.adapters.destinations.dicomweb import DicomWebDestination
from gatehouse.adapters.destinations.folder import FolderDestination
from gatehouse.adapters.destinations.peer import PeerDestination
from gatehouse.adapters.destinations.s3 import S3Destination
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.adapters.settings_sending import Sending
from gatehouse.pipeline.ports import Destination


class HasDestinations(Protocol):
    """The settings that are needed here."""

    @property
    def sending(self) -> Sending:
        """Limits and certificates."""

    @property
    def s3(self) -> Mapping[str, Bucket]:
        """Buckets."""

    @property
    def folders(self) -> Mapping[str, Folder]:
        """Folders."""

    @property
    def dicomweb_servers(self) -> Mapping[str, HttpServer]:
        """DICOMweb servers of our own settings."""

    @property
    def peer_servers(self) -> Mapping[str, HttpServer]:
        """REST APIs of peers of our own settings."""

    @property
    def handed_servers(self) -> Mapping[str, Mapping[str, HttpServer]]:
        """The same of Orthanc's configuration."""


def make_destinations(
    settings: HasDestinations,
    archive: OrthancArchive,
    *,
    answer_timeout_s: float = ANSWER_TIMEOUT_S,
) -> Mapping[str, Destination]:
    """Return how to send, by the policies' ``via``.

    Parameters
    ----------
    answer_timeout_s : float
        How long a DICOM destination may take for an answer.
    """
    handed = settings.handed_servers
    return {
        "dicom": DicomDestination(
            archive,
            settings.sending.tls,
            settings.sending.commitments,
            answer_timeout_s=answer_timeout_s,
        ),
        "peer": PeerDestination(archive, {**handed.get("peer", {}), **settings.peer_servers}),
        "dicomweb": DicomWebDestination(
            {**handed.get("dicomweb", {}), **settings.dicomweb_servers}
        ),
        "s3": S3Destination(settings.s3),
        "folder": FolderDestination(settings.folders),
    }
