"""De-identify an instance while Orthanc receives it, so that nothing identified is ever at rest.

One instance at a time: facts, decision, engine, verification, journal; then its new bytes. All of
it, or a refusal: Orthanc then stores nothing and tells the sender, who keeps what it has. Runs
inside Orthanc, in whatever Python that has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from gatehouse import __version__
from gatehouse.deid.changes import counted
from gatehouse.deid.engine import deidentify
from gatehouse.deid.model import ProjectKeys, Verified
from gatehouse.deid.plan import Plan, compile_plan
from gatehouse.deid.pseudonyms import derive_project_keys
from gatehouse.deid.verify import verify
from gatehouse.dicom.scan import Buffer
from gatehouse.errors import HoldError, PolicyError
from gatehouse.pipeline.file_meta import read_file_meta
from gatehouse.pipeline.reception_journal import ReceptionMark, ReceptionRefusal
from gatehouse.pipeline.workbench import orthanc_id
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.facts import extract
from gatehouse.policy.model import InstanceFacts, Origin, Outcome, Pack, Policy

_IDENTIFIERS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_REMOVED = "PatientIdentityRemoved"


class Journal(Protocol):
    """Where it is written down what became of each instance."""

    def write(self, entry: ReceptionMark | ReceptionRefusal) -> None:
        """Write one line; a mark is on the disk when this returns. Raises ``OSError``."""


class TakenIn(NamedTuple):
    """What Orthanc is to store, and what was written down of it."""

    dicom: bytes
    mark: ReceptionMark


@dataclass(slots=True)
class _Trail:
    """What is known of an instance so far, should it be refused."""

    study: str = ""
    instance: str = ""
    policy: str = ""


@dataclass
class Reception:
    """Takes instances in under one pack.

    Parameters
    ----------
    pack : Pack
        One with ``reception: true``.
    master_key : bytes
    journal : Journal
    is_own_output : callable
        Orthanc ID -> whether that is an output of ours; None if nobody answers.
    now : callable
        Seconds since the epoch.

    Raises
    ------
    PolicyError
        If the pack is for something else, or a policy of it can't be carried out.
    """

    pack: Pack
    master_key: bytes = field(repr=False)
    journal: Journal
    is_own_output: Callable[[str], bool | None]
    now: Callable[[], float]

    def __post_init__(self) -> None:
        """Compile all policies: an instance must not wait for it, nor find out that it can't be."""
        if not self.pack.reception:
            raise PolicyError("the active policies are not for reception mode")
        self._attributes = attributes_of(self.pack) | {*_IDENTIFIERS, _REMOVED}
        self._prepared: Mapping[str, tuple[Plan, ProjectKeys]] = {
            policy.digest: (
                compile_plan(policy.recipe),
                derive_project_keys(self.master_key, policy.recipe.project),
            )
            for policy in self.pack.policies
            if policy.recipe.profile != "none"
        }

    def receive(self, dicom: Buffer, protocol: str) -> TakenIn | ReceptionRefusal:
        """Return what Orthanc is to store, or why nothing of this instance is.

        Parameters
        ----------
        dicom : bytes or memoryview
            As it was received.
        protocol : str
            As in `Origin`; more than that nobody knows at this point.
        """
        trail = _Trail()
        try:
            taken = self._take_in(dicom, protocol, trail)
            self._write_mark(taken.mark)
        except HoldError as error:
            return self._refused(trail, error.rule, error.reason, error.path)
        except MemoryError:
            reason = "there was not enough memory for this instance"
            return self._refused(trail, "reception.memory", reason)
        except Exception as error:  # noqa: BLE001  whatever it is: refused, and Orthanc goes on
            # Only the type: texts of foreign exceptions quote values.
            reason = f"an unexpected error ({type(error).__name__}) was met"
            return self._refused(trail, "internal.error", reason)
        return taken

    def _take_in(self, dicom: Buffer, protocol: str, trail: _Trail) -> TakenIn:
        attributes = extract(dicom, self._attributes)
        patient, study, series, instance = ("\\".join(attributes[name]) for name in _IDENTIFIERS)
        if study:
            trail.study = orthanc_id(patient, study)
            trail.instance = orthanc_id(patient, study, series, instance)
        if trail.instance and "YES" in attributes[_REMOVED]:
            self._refuse_own_output(trail.instance)
        policy = self._policy_for(InstanceFacts("", Origin(protocol), attributes), trail)
        plan, keys = self._prepared[policy.digest]
        verified = verify(dicom, deidentify(dicom, plan, keys), plan, keys)
        return self._taken(verified, policy, keys)

    def _refuse_own_output(self, instance: str) -> None:
        """Refuse what we made ourselves: a destination may have sent it back."""
        is_own = self.is_own_output(instance)
        if is_own is None:
            raise HoldError(
                "reception.unanswered",
                "it is marked as de-identified, and the service of Gatehouse did not say whether "
                "it was by this gateway",
            )
        if is_own:
            raise HoldError("reception.own-output", "it was de-identified by this gateway already")

    def _policy_for(self, facts: InstanceFacts, trail: _Trail) -> Policy:
        decision = decide(self.pack, [facts])
        if decision.policy is not None:
            trail.policy = decision.policy.digest
        if decision.outcome is not Outcome.ACCEPT or decision.policy is None:
            raise HoldError(decision.rule, decision.reason)
        if decision.policy.digest not in self._prepared:
            raise HoldError(
                "reception.identified",
                "the policy de-identifies nothing, and nothing identified is stored here",
            )
        return decision.policy

    def _taken(self, verified: Verified, policy: Policy, keys: ProjectKeys) -> TakenIn:
        """Put together what was verified: nothing else can come here."""
        made = verified.deidentified
        sop_class_uid, transfer_syntax_uid = read_file_meta(made.chunks)
        study = (made.patient_id_new, made.study_instance_uid_new)
        dicom = made.to_bytes()
        mark = ReceptionMark(
            at=self.now(),
            instance=orthanc_id(*study, made.series_instance_uid_new, made.sop_instance_uid_new),
            study=orthanc_id(*study),
            pack=self.pack.digest,
            policy=policy.digest,
            key_id=keys.key_id,
            software=__version__,
            sop_class_uid=sop_class_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            sop_instance_uid_old=made.sop_instance_uid_old,
            sop_instance_uid_new=made.sop_instance_uid_new,
            series_instance_uid_new=made.series_instance_uid_new,
            study_instance_uid_new=made.study_instance_uid_new,
            sha256=hashlib.sha256(dicom).hexdigest(),
            size=len(dicom),
            needles=verified.needles,
            actions=counted(made.changes),
        )
        return TakenIn(dicom, mark)

    def _write_mark(self, mark: ReceptionMark) -> None:
        try:
            self.journal.write(mark)
        except OSError as error:
            words = os.strerror(error.errno) if error.errno else "no reason given"
            raise HoldError(
                "reception.journal", f"the journal of reception can't be written: {words}"
            ) from None

    def _refused(self, trail: _Trail, rule: str, reason: str, path: str = "") -> ReceptionRefusal:
        refusal = ReceptionRefusal(
            self.now(), rule, reason, path, trail.study, trail.instance, trail.policy
        )
        # Refused it is in any case; that nobody can read why is the smaller harm.
        with suppress(Exception):
            self.journal.write(refusal)
        return refusal
