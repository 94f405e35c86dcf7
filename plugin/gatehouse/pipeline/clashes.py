"""What is not one study of one patient, although each of its instances could be made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from gatehouse.pipeline.asking import HOLDS_MAX
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import Output, StudyKey
from gatehouse.pipeline.tools import Tools


def clashing(outputs: Iterable[Output]) -> list[Held]:
    """Return the instances that would overwrite each other, or not be one study."""
    made = list(outputs)
    uses = Counter(one.sop_instance_uid_new for one in made)
    clashes = [
        Held(
            one.instance,
            "study.duplicate-sop-instance",
            "several instances of this study have the same SOP Instance UID",
        )
        for one in made
        if uses[one.sop_instance_uid_new] > 1
    ]
    if len({one.study_orthanc_id_new for one in made}) > 1:
        clashes.append(
            Held("", "study.several", "its instances would not be one study of one patient")
        )
    return clashes


def other_patients(tools: Tools, key: StudyKey) -> list[Held]:
    """Return the instances that went out before under another patient's pseudonym."""
    pairs = tools.ledger.made_elsewhere(key, HOLDS_MAX)
    there = {one.orthanc_id for one in tools.archive.describe([other for _, other in pairs])}
    return [
        Held(
            instance,
            "study.other-patient",
            "another study in Orthanc, with another Patient ID or Study Instance UID, has "
            "instances with the same UIDs; delete the wrong one, and process this one again",
        )
        for instance, other in pairs
        if other in there
    ]
