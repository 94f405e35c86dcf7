"""The ways of delivery (``via``) and where their destinations are configured.

Each function answers which section of Orthanc's configuration holds the names that ``to`` may use.
"""

from __future__ import annotations

from collections.abc import Callable

from gatehouse.policy.registry import Registry

DESTINATIONS: Registry[Callable[[], str]] = Registry("way of delivery")
destination = DESTINATIONS.register

NOT_YET = frozenset({"dicomweb", "s3", "folder"})
"""In the schema so that policies keep their form; refused until they are there."""


@destination("dicom", source="Orthanc, DicomModalities")
def dicom() -> str:
    """Send by C-STORE, with the DIMSE status of each instance as its receipt."""
    return "DicomModalities"


@destination("peer", source="Orthanc, OrthancPeers")
def peer() -> str:
    """Send over HTTP to another Orthanc."""
    return "OrthancPeers"


@destination("dicomweb", source="Orthanc, DicomWeb.Servers")
def dicomweb() -> str:
    """Send by STOW-RS. Not available yet: a policy that asks for it is refused."""
    return "DicomWeb.Servers"


@destination("s3", source="Gatehouse.S3")
def s3() -> str:
    """Write objects to a bucket. Not available yet: a policy that asks for it is refused."""
    return "Gatehouse.S3"


@destination("folder", source="Gatehouse.Folders")
def folder() -> str:
    """Write files to a folder. Not available yet: a policy that asks for it is refused."""
    return "Gatehouse.Folders"
