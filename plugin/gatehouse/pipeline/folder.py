"""Folder to folder: what is decided of many files at once, and what is done with each.

No file is touched here. Everything depends on the content of the files alone, never on their order
or on how many processes share the work, so that a run gives the same bytes whenever it is done.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from gatehouse.deid.engine import deidentify
from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.model import Deidentified, ProjectKeys, Verified
from gatehouse.deid.plan import Plan
from gatehouse.deid.pseudonyms import new_uid, value_pseudonym
from gatehouse.deid.verify import read_original, verify_against
from gatehouse.dicom.scan import Buffer
from gatehouse.pipeline.leading import leading
from gatehouse.policy.decide import attributes_of, decide_checks
from gatehouse.policy.facts import extract
from gatehouse.policy.model import InstanceFacts, Origin, Outcome, Policy

SOP_INSTANCE_UID: Final = 0x00080018
_LEADING: Final[Mapping[int, str]] = {
    0x00100020: "PatientID",
    0x00100021: "IssuerOfPatientID",
    0x0020000D: "StudyInstanceUID",
}
_WANTED: Final = frozenset({SOP_INSTANCE_UID, *_LEADING})

_PSEUDONYM = re.compile(r"[A-Z2-7]{20}")
_UID = re.compile(r"[0-9]{1,64}(?:\.[0-9]{1,64}){1,32}")


class Surveyed(NamedTuple):
    """What a first look at a file tells."""

    sop_instance_uid: str
    attributes: Mapping[str, tuple[str, ...]]
    """What the policy's checks may look at."""

    @property
    def study_instance_uid(self) -> str:
        """Return the study that the file belongs to, or says that it does."""
        return "\\".join(self.attributes.get("StudyInstanceUID", ()))


class Refusal(NamedTuple):
    """Why a file is not de-identified."""

    outcome: str
    """``"held"`` or ``"rejected"``."""
    rule: str
    reason: str


class Made(NamedTuple):
    """A file that may leave, and what has to be remembered of it."""

    verified: Verified
    output: str
    """Its path below the output folder."""
    uids: tuple[tuple[str, str], ...]
    """Old and new UIDs."""
    patient: tuple[str, str]
    """Old and new Patient ID."""


def survey(dicom: Buffer, policy: Policy, *, is_whole: bool) -> Surveyed:
    """Take a first look at a file.

    Parameters
    ----------
    dicom : bytes or memoryview
        The file, or its beginning if the policy has no checks.
    policy : Policy
        The policy whose checks will be asked.
    is_whole : bool
        Whether this is all of the file.

    Raises
    ------
    HoldError
        If it can't be read, or not from this beginning.
    """
    found = leading(dicom, _WANTED, is_whole=is_whole)
    texts = {tag: value.decode("latin-1").strip("\0 ") for tag, value in found.items()}
    attributes: Mapping[str, tuple[str, ...]] = {
        name: (texts[tag],) if texts.get(tag) else () for tag, name in _LEADING.items()
    }
    if policy.checks:
        attributes = extract(dicom, attributes_of(policy))
    return Surveyed(texts.get(SOP_INSTANCE_UID, ""), attributes)


def refuse(
    surveyed: Mapping[str, Surveyed], policy: Policy, digest: Callable[[str], str]
) -> dict[str, Refusal]:
    """Say which files are not to be de-identified, because of others beside them.

    Parameters
    ----------
    surveyed : Mapping
        By path. Files that could not be read are left out.
    policy : Policy
        Its checks are asked for each study; its ``match`` is not, because a person chose it.
    digest : function
        Gives the digest of a file's content, by path. Asked only for files with the same UID.
    """
    refusals = _refuse_duplicates(surveyed, digest)
    studies: dict[str, list[str]] = defaultdict(list)
    for path in sorted(surveyed):
        studies[surveyed[path].study_instance_uid].append(path)
    for study, paths in studies.items():
        if not study:
            continue  # the engine holds each of them, with its reason
        facts = [InstanceFacts(path, Origin(), surveyed[path].attributes) for path in paths]
        decision = decide_checks(policy, facts)
        if decision.outcome is not Outcome.ACCEPT:
            outcome = "rejected" if decision.outcome is Outcome.REJECT else "held"
            for path in paths:
                refusals.setdefault(path, Refusal(outcome, decision.rule, decision.reason))
    return refusals


def _refuse_duplicates(
    surveyed: Mapping[str, Surveyed], digest: Callable[[str], str]
) -> dict[str, Refusal]:
    by_uid: dict[str, list[str]] = defaultdict(list)
    for path in sorted(surveyed):
        if surveyed[path].sop_instance_uid:
            by_uid[surveyed[path].sop_instance_uid].append(path)
    refusals: dict[str, Refusal] = {}
    for paths in by_uid.values():
        if len(paths) == 1:
            continue
        if len({digest(path) for path in paths}) == 1:
            same = Refusal("held", "files.duplicate", "another file of the folder is the same")
            refusals.update(dict.fromkeys(paths[1:], same))
        else:
            conflict = Refusal(
                "held",
                "files.conflict",
                "another file has the same SOP Instance UID and a different content",
            )
            refusals.update(dict.fromkeys(paths, conflict))
    return refusals


def make(dicom: Buffer, plan: Plan, keys: ProjectKeys, known: KnownValues = NOTHING) -> Made:
    """De-identify and verify a file.

    Parameters
    ----------
    known : KnownValues, optional
        What the files of its study say of persons, for a plan that cleans texts.

    Raises
    ------
    HoldError
        If it must be held.
    """
    made = deidentify(dicom, plan, keys, known)
    original = read_original(dicom, plan)
    verified = verify_against(original, made, plan, keys)
    uids = sorted((old, new_uid(keys, old)) for old in original.replaced_uids)
    return Made(
        verified,
        output_path(made, keys),
        tuple((old, new) for old, new in uids if old != new),
        (original.patient_id, made.patient_id_new),
    )


def output_path(made: Deidentified, keys: ProjectKeys) -> str:
    """Return ``PATIENT/STUDY/SERIES/INSTANCE.dcm``, of new identifiers.

    An identifier that the policy keeps and that is no pseudonym or UID by its form could be
    anything, also a path; it is replaced by a keyed pseudonym.
    """
    names = (
        _name(made.patient_id_new, _PSEUDONYM, keys),
        _name(made.study_instance_uid_new, _UID, keys),
        _name(made.series_instance_uid_new, _UID, keys),
        _name(made.sop_instance_uid_new, _UID, keys),
    )
    return "/".join(names) + ".dcm"


def _name(text: str, form: re.Pattern[str], keys: ProjectKeys) -> str:
    return text if form.fullmatch(text) else value_pseudonym(keys, "folder", text)
