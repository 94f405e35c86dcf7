"""What policies may ask besides DICOM attributes: the origin of instances, and the study's shape.

Origin facts are asked of each instance; study facts of all instances together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gatehouse.policy.comparisons import Kind
from gatehouse.policy.model import InstanceFacts, Origin
from gatehouse.policy.registry import Registry

ORIGIN_FACTS: Registry[Callable[[Origin], str]] = Registry("origin fact")
STUDY_FACTS: Registry[Callable[[Sequence[InstanceFacts]], tuple[str, ...]]] = Registry("study fact")

ALWAYS_NEEDED = (
    "PatientID",
    "IssuerOfPatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
)
"""Attributes that are read of every instance, whatever the policies name: several patients in one
study must be noticed, and the study facts are made of these."""

NEEDED_BY = {"missing-instances": ("InstanceNumber",)}
"""Attributes that are read of every instance if a policy asks for a study fact."""

KINDS: dict[str, Kind] = {
    "remote-address": "address",
    "number-of-series": "number",
    "number-of-instances": "number",
    "missing-instances": "number",
}
"""Facts that are not compared as text."""


@ORIGIN_FACTS.register("called-aet", source="Orthanc metadata CalledAET")
def called_aet(origin: Origin) -> str:
    """AE title that the sender called. Absent if it did not come by C-STORE."""
    return origin.called_aet


@ORIGIN_FACTS.register("calling-aet", source="Orthanc metadata RemoteAET")
def calling_aet(origin: Origin) -> str:
    """AE title by which the sender called itself. DICOM does not prove it."""
    return origin.calling_aet


@ORIGIN_FACTS.register("protocol", source="Orthanc metadata Origin")
def protocol(origin: Origin) -> str:
    """How the instance came: dicom, http, plugin or lua."""
    return origin.protocol


@ORIGIN_FACTS.register("remote-address", source="Orthanc metadata RemoteIP")
def remote_address(origin: Origin) -> str:
    """IP address of the sender; can be compared with a network such as 10.1.0.0/16."""
    return origin.remote_address


@ORIGIN_FACTS.register("user", source="Orthanc metadata HttpUsername")
def user(origin: Origin) -> str:
    """User that Orthanc authenticated, if the instance came over HTTP."""
    return origin.user


@STUDY_FACTS.register("modalities-in-study", source="PS3.3 C.7.3.1.1.1")
def modalities_in_study(instances: Sequence[InstanceFacts]) -> tuple[str, ...]:
    """Every Modality (0008,0060) that occurs in the study. Absent if an instance has none."""
    values = [instance.attributes.get("Modality", ()) for instance in instances]
    if not all(values):
        return ()  # what is not known of one instance is not known of the study
    return tuple(sorted({value for several in values for value in several}))


@STUDY_FACTS.register("number-of-series", source="PS3.3 C.7.3.1")
def number_of_series(instances: Sequence[InstanceFacts]) -> tuple[str, ...]:
    """How many series the study has. Absent if an instance has no Series Instance UID."""
    values = [instance.attributes.get("SeriesInstanceUID", ()) for instance in instances]
    return (str(len(set(values))),) if all(values) else ()


@STUDY_FACTS.register("number-of-instances", source="Gatehouse")
def number_of_instances(instances: Sequence[InstanceFacts]) -> tuple[str, ...]:
    """How many instances the study has."""
    return (str(len(instances)),)


@STUDY_FACTS.register("missing-instances", source="PS3.3 C.7.6.1, Instance Number")
def missing_instances(instances: Sequence[InstanceFacts]) -> tuple[str, ...]:
    """How many Instance Numbers are missing between the lowest and the highest of each series.

    Absent if that can't be told: an instance has no Instance Number, or two of a series have one.
    """
    numbers: dict[tuple[str, ...], list[int]] = {}
    for instance in instances:
        values = instance.attributes.get("InstanceNumber", ())
        series = instance.attributes.get("SeriesInstanceUID", ())
        if len(values) != 1 or not values[0].isdecimal() or not series:
            return ()
        numbers.setdefault(series, []).append(int(values[0]))
    missing = 0
    for several in numbers.values():
        if len(set(several)) < len(several):
            return ()
        missing += max(several) - min(several) + 1 - len(several)
    return (str(missing),)
