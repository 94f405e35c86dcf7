"""The ways of delivery (``via``) and where their destinations are configured.

Each function answers which section of Orthanc's configuration holds the names that ``to`` may use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gatehouse.policy.registry import Registry

DESTINATIONS: Registry[Callable[[], str]] = Registry("way of delivery")
destination = DESTINATIONS.register

ALWAYS_CHECKED = frozenset({"s3", "folder"})
"""Ways whose receipts are digests of what is there: a query would say less."""

CAN_COMMIT = frozenset({"dicom"})
"""Ways for which storage commitment is defined (PS3.4 Annex J)."""

TRANSFER_SYNTAXES: Mapping[str, str] = {
    "ImplicitVRLittleEndian": "1.2.840.10008.1.2",
    "ExplicitVRLittleEndian": "1.2.840.10008.1.2.1",
    "ExplicitVRBigEndian": "1.2.840.10008.1.2.2",
    "DeflatedExplicitVRLittleEndian": "1.2.840.10008.1.2.1.99",
    "JPEGBaseline8Bit": "1.2.840.10008.1.2.4.50",
    "JPEGExtended12Bit": "1.2.840.10008.1.2.4.51",
    "JPEGExtended35": "1.2.840.10008.1.2.4.52",
    "JPEGSpectralSelectionNonHierarchical68": "1.2.840.10008.1.2.4.53",
    "JPEGSpectralSelectionNonHierarchical79": "1.2.840.10008.1.2.4.54",
    "JPEGFullProgressionNonHierarchical1012": "1.2.840.10008.1.2.4.55",
    "JPEGFullProgressionNonHierarchical1113": "1.2.840.10008.1.2.4.56",
    "JPEGLossless": "1.2.840.10008.1.2.4.57",
    "JPEGLosslessNonHierarchical15": "1.2.840.10008.1.2.4.58",
    "JPEGExtendedHierarchical1618": "1.2.840.10008.1.2.4.59",
    "JPEGExtendedHierarchical1719": "1.2.840.10008.1.2.4.60",
    "JPEGSpectralSelectionHierarchical2022": "1.2.840.10008.1.2.4.61",
    "JPEGSpectralSelectionHierarchical2123": "1.2.840.10008.1.2.4.62",
    "JPEGFullProgressionHierarchical2426": "1.2.840.10008.1.2.4.63",
    "JPEGFullProgressionHierarchical2527": "1.2.840.10008.1.2.4.64",
    "JPEGLosslessHierarchical28": "1.2.840.10008.1.2.4.65",
    "JPEGLosslessHierarchical29": "1.2.840.10008.1.2.4.66",
    "JPEGLosslessSV1": "1.2.840.10008.1.2.4.70",
    "JPEGLSLossless": "1.2.840.10008.1.2.4.80",
    "JPEGLSNearLossless": "1.2.840.10008.1.2.4.81",
    "JPEG2000Lossless": "1.2.840.10008.1.2.4.90",
    "JPEG2000": "1.2.840.10008.1.2.4.91",
    "JPEG2000MCLossless": "1.2.840.10008.1.2.4.92",
    "JPEG2000MC": "1.2.840.10008.1.2.4.93",
    "MPEG2MPML": "1.2.840.10008.1.2.4.100",
    "MPEG2MPHL": "1.2.840.10008.1.2.4.101",
    "MPEG4HP41": "1.2.840.10008.1.2.4.102",
    "MPEG4HP41BD": "1.2.840.10008.1.2.4.103",
    "MPEG4HP422D": "1.2.840.10008.1.2.4.104",
    "MPEG4HP423D": "1.2.840.10008.1.2.4.105",
    "MPEG4HP42STEREO": "1.2.840.10008.1.2.4.106",
    "HEVCMP51": "1.2.840.10008.1.2.4.107",
    "HEVCM10P51": "1.2.840.10008.1.2.4.108",
    "HTJ2KLossless": "1.2.840.10008.1.2.4.201",
    "HTJ2KLosslessRPCL": "1.2.840.10008.1.2.4.202",
    "HTJ2K": "1.2.840.10008.1.2.4.203",
    "MPEG2MPMLF": "1.2.840.10008.1.2.4.100.1",
    "MPEG2MPHLF": "1.2.840.10008.1.2.4.101.1",
    "MPEG4HP41F": "1.2.840.10008.1.2.4.102.1",
    "MPEG4HP41BDF": "1.2.840.10008.1.2.4.103.1",
    "MPEG4HP422DF": "1.2.840.10008.1.2.4.104.1",
    "MPEG4HP423DF": "1.2.840.10008.1.2.4.105.1",
    "MPEG4HP42STEREOF": "1.2.840.10008.1.2.4.106.1",
    "RLELossless": "1.2.840.10008.1.2.5",
    "EncapsulatedUncompressedExplicitVRLittleEndian": "1.2.840.10008.1.2.1.98",
}
"""Keyword (PS3.6 Table A-1) -> UID of the transfer syntaxes that can be read and written."""


@destination("dicom", source="Orthanc, DicomModalities")
def dicom() -> str:
    """Send by C-STORE, with the DIMSE status of each instance as its receipt."""
    return "DicomModalities"


@destination("peer", source="Orthanc, OrthancPeers")
def peer() -> str:
    """Send over HTTP to another Orthanc."""
    return "OrthancPeers"


@destination("dicomweb", source="PS3.18 10.5; DicomWeb.Servers, Gatehouse.DicomWebServers")
def dicomweb() -> str:
    """Send by STOW-RS, with the server's own word on each instance as its receipt."""
    return "DicomWeb.Servers"


@destination("s3", source="Gatehouse.S3")
def s3() -> str:
    """Write objects to a bucket, each with its SHA-256 digest."""
    return "Gatehouse.S3"


@destination("folder", source="Gatehouse.Folders")
def folder() -> str:
    """Write files to a folder for each study, with a manifest of digests and a marker."""
    return "Gatehouse.Folders"
