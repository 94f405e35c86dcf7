"""Which of the 18 kinds of identifiers of the HIPAA Safe Harbor method (A to R) a policy covers.

45 CFR 164.514(b)(2)(i). For each letter the attributes that hold such identifiers are asked of the
compiled plan: covered are those that leave removed, emptied, replaced or cleaned. What attributes
can't show - pixels, faces, what somebody knows besides - is said to need a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gatehouse.deid.plan import ObjectPlan, Plan, compile_plan
from gatehouse.policy.conditions import comparisons_in
from gatehouse.policy.model import Policy
from gatehouse.standard import dictionary, table

Verdict = Literal["covered", "not covered", "needs a person"]

_ADDRESSES: Final = (
    "PatientAddress",
    "CountryOfResidence",
    "RegionOfResidence",
    "InstitutionAddress",
    "CurrentPatientLocation",
    "ReferringPhysicianAddress",
    "PersonAddress",
)
_TELEPHONES: Final = (
    "PatientTelephoneNumbers",
    "PatientTelecomInformation",
    "ReferringPhysicianTelephoneNumbers",
    "PersonTelephoneNumbers",
    "PersonTelecomInformation",
)
_FREE_TEXT: Final = (
    "PatientComments",
    "ImageComments",
    "AdditionalPatientHistory",
    "StudyDescription",
    "SeriesDescription",
    "RequestedProcedureComments",
    "VisitComments",
)
_IDENTIFIERS: Final = (
    "OtherPatientIDs",
    "OtherPatientIDsSequence",
    "AdmissionID",
    "ServiceEpisodeID",
    "RequestedProcedureID",
    "FillerOrderNumberImagingServiceRequest",
    "PlacerOrderNumberImagingServiceRequest",
    "StudyID",
)

LETTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "A": (
        "names",
        (
            "PatientName",
            "OtherPatientNames",
            "PatientBirthName",
            "PatientMotherBirthName",
            "ResponsiblePerson",
            "ReferringPhysicianName",
            "OperatorsName",
            "PerformingPhysicianName",
        ),
    ),
    "B": ("places smaller than a state", (*_ADDRESSES, "InstitutionName")),
    "C": (
        "dates but the year, ages above 89",
        (
            "PatientBirthDate",
            "PatientAge",
            "StudyDate",
            "SeriesDate",
            "AcquisitionDate",
            "AcquisitionDateTime",
            "ContentDate",
            "AdmittingDate",
            "InstanceCreationDate",
        ),
    ),
    "D": ("telephone numbers", (*_TELEPHONES, *_FREE_TEXT)),
    "E": ("fax numbers", (*_TELEPHONES, *_FREE_TEXT)),
    "F": ("e-mail addresses", ("PatientTelecomInformation", *_FREE_TEXT)),
    "G": ("social security numbers", ("PatientID", *_IDENTIFIERS, *_FREE_TEXT)),
    "H": ("medical record numbers", ("PatientID", "MedicalRecordLocator", "AccessionNumber")),
    "I": ("health plan numbers", ("PatientInsurancePlanCodeSequence", *_FREE_TEXT)),
    "J": ("account numbers", ("AdmissionID", "ServiceEpisodeID", *_FREE_TEXT)),
    "K": ("certificates and licences", (*_IDENTIFIERS, *_FREE_TEXT)),
    "L": ("vehicles", _FREE_TEXT),
    "M": (
        "devices and their serial numbers",
        ("DeviceSerialNumber", "DeviceUID", "StationName", "GantryID", "DetectorID", "PlateID"),
    ),
    "N": ("web addresses", ("RetrieveURL", "RetrieveURI", *_FREE_TEXT)),
    "O": ("network addresses", ("RetrieveAETitle", "StationAETitle", *_FREE_TEXT)),
    "P": ("biometric identifiers", ()),
    "Q": ("photographs of the face and the like", ()),
    "R": (
        "any other unique number or code",
        (
            "StudyInstanceUID",
            "SeriesInstanceUID",
            "SOPInstanceUID",
            "FrameOfReferenceUID",
            *_IDENTIFIERS,
        ),
    ),
}
"""Letter -> what it is, and the attributes that hold such identifiers."""

_NOT_IN_ATTRIBUTES: Final = {
    "P": "voices, fingerprints and waveforms are no attributes; hold their SOP classes by a check",
    "Q": "faces can be made from head CT and MR; images with burned-in text are held",
}
# A CT slice stands for all images; the Standard asks for most attributes there.
_SOP_CLASS_UID: Final = "1.2.840.10008.5.1.4.1.1.2"


@dataclass(frozen=True, slots=True)
class Letter:
    """What a policy does about one kind of identifiers."""

    letter: str
    name: str
    verdict: Verdict
    why: str
    """The attributes that leave as they came, or what a person has to see to."""


def safe_harbor(policy: Policy) -> tuple[Letter, ...]:
    """Return what a policy does about each kind of identifiers, A to R."""
    plan = compile_plan(policy.recipe)
    return tuple(_letter(letter, policy, plan) for letter in LETTERS)


def _letter(letter: str, policy: Policy, plan: Plan) -> Letter:
    name, attributes = LETTERS[letter]
    if policy.recipe.profile == "none":
        return Letter(letter, name, "not covered", "nothing is de-identified")
    if letter in _NOT_IN_ATTRIBUTES:
        if letter == "Q" and policy.recipe.suspicious_pixels == "accept":
            return Letter(letter, name, "not covered", "images with burned-in text pass")
        return Letter(letter, name, "needs a person", _NOT_IN_ATTRIBUTES[letter])
    objects = plan.for_sop_class(_SOP_CLASS_UID)
    kept = _kept(attributes, objects)
    if letter == "C":
        return _dates(name, kept, objects, policy)
    if kept:
        return Letter(letter, name, "not covered", f"kept: {', '.join(kept)}")
    return Letter(letter, name, "covered", "")


def _dates(name: str, kept: Iterable[str], objects: ObjectPlan, policy: Policy) -> Letter:
    """Judge dates: a moved date is no element of the true one, but its distance to others is."""
    dates = [one for one in kept if one != "PatientAge"]
    if dates:
        return Letter("C", name, "not covered", f"kept: {', '.join(dates)}")
    if "PatientAge" in kept and not _old_age_is_asked(policy):
        why = "the age is kept: hold or cap ages above 89 by a check"
        return Letter("C", name, "needs a person", why)
    rules = objects.level(())
    moved = [tag for tag in table.rows() if rules[tag].action == "shift-date"]
    if moved:
        why = f"{len(moved)} attributes leave with moved dates: an expert says if that is enough"
        return Letter("C", name, "needs a person", why)
    return Letter("C", name, "covered", "")


def _old_age_is_asked(policy: Policy) -> bool:
    """Return whether a check bounds the age."""
    return any(
        leaf.subject == "PatientAge" and leaf.operator == "at-most"
        for check in policy.checks
        for leaf in comparisons_in(check.condition)
    )


def _kept(attributes: Iterable[str], objects: ObjectPlan) -> list[str]:
    rules = objects.level(())
    tags = ((name, dictionary.tag_of(name)) for name in dict.fromkeys(attributes))
    return [name for name, tag in tags if tag is not None and rules[tag].action == "keep"]
