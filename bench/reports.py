"""Generated structured reports: a deep content tree with people, dates and UIDs in it.

A report has 2,173 elements, and sequences in sequences down to level 8.
"""

from __future__ import annotations

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import ExplicitVRLittleEndian

from bench.headers import add_sequence, code, count_elements, fill, item, new_file, uid

SR_ELEMENTS = 2_173
SR_DEPTH = 8
_SECTIONS = 24
_LEAVES_PER_SECTION = 10


def sr(instance: int, study: str = "sr") -> FileDataset:
    """Make a Comprehensive SR document."""
    file = new_file("1.2.840.10008.5.1.4.1.1.88.33", ExplicitVRLittleEndian, study, instance)
    fill(
        file,
        Modality="SR",
        CompletionFlag="COMPLETE",
        VerificationFlag="VERIFIED",
        ValueType="CONTAINER",
        ContinuityOfContent="SEPARATE",
    )
    add_sequence(file, "ConceptNameCodeSequence", [code("18748-4", "Imaging Report", "LN")])
    add_sequence(
        file,
        "VerifyingObserverSequence",
        [
            item(
                VerifyingOrganization="Klinikum Beispielstadt",
                VerificationDateTime="20240311093000",
                VerifyingObserverName="Leser^Bernd",
                VerifyingObserverIdentificationCodeSequence=[code("L77", "Leser", "99KB")],
            )
        ],
    )
    sections = [_section(number, study, instance) for number in range(_SECTIONS)]
    add_sequence(file, "ContentSequence", [*sections, _nested(SR_DEPTH - 1)])
    _pad(file)
    return file


def _section(number: int, study: str, instance: int) -> Dataset:
    section = _named("CONTAINER", "CONTAINS", "Findings")
    leaves = [_leaf(number, leaf, study, instance) for leaf in range(_LEAVES_PER_SECTION)]
    add_sequence(section, "ContentSequence", leaves)
    return section


def _leaf(section: int, leaf: int, study: str, instance: int) -> Dataset:
    """Make one content item, of six value types in turn."""
    kind = leaf % 6
    if kind == 0:
        found = _named("TEXT", "CONTAINS", "Finding")
        found.TextValue = (
            f"Rundherd {leaf} in Segment {section} wie am 03.02.2024 bei Anna Beispiel"
        )
    elif kind == 1:
        found = _named("PNAME", "HAS OBS CONTEXT", "Person Observer Name")
        found.PersonName = "Leser^Bernd"
    elif kind == 2:
        found = _named("DATETIME", "HAS OBS CONTEXT", "Observation DateTime")
        found.DateTime = "20240311090000"
    elif kind == 3:
        found = _named("UIDREF", "HAS OBS CONTEXT", "Series Instance UID")
        found.UID = uid(study, "evidence", instance, section)
    elif kind == 4:
        found = _named("CODE", "CONTAINS", "Finding Site")
        add_sequence(found, "ConceptCodeSequence", [code("39607008", "Lung")])
    else:
        found = _named("NUM", "CONTAINS", "Diameter")
        units = [code("mm", "mm", "UCUM")]
        measured = item(NumericValue=str(4 + leaf), MeasurementUnitsCodeSequence=units)
        add_sequence(found, "MeasuredValueSequence", [measured])
    return found


def _nested(levels: int) -> Dataset:
    """Make containers in containers; the code of the last name is the deepest item."""
    container = _named("CONTAINER", "CONTAINS", "Group")
    if levels > 1:
        add_sequence(container, "ContentSequence", [_nested(levels - 1)])
    return container


def _named(value_type: str, relationship: str, name: str) -> Dataset:
    made = item(ValueType=value_type, RelationshipType=relationship)
    add_sequence(made, "ConceptNameCodeSequence", [code("121071", name, "DCM")])
    return made


def _pad(file: FileDataset) -> None:
    """Give content items an observation time until the number of elements is right."""
    missing = SR_ELEMENTS - count_elements(file)
    leaves = [
        leaf for section in file.ContentSequence for leaf in section.get("ContentSequence", [])
    ]
    if not 0 <= missing <= len(leaves):
        raise ValueError(f"{missing} elements can't be added to {len(leaves)} content items")
    for leaf in leaves[:missing]:
        leaf.ObservationDateTime = "20240311085900"
