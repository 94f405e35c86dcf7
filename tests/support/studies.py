"""Builders for tests of ledger and pipeline, with defaults for all that a test is not about."""

from __future__ import annotations

from gatehouse.deid.recipe import Recipe
from gatehouse.pipeline.ports import ReceivedInstance
from gatehouse.pipeline.reception_journal import ReceptionMark
from gatehouse.pipeline.records import Output, StudyKey
from gatehouse.policy.model import (
    Answer,
    Asked,
    Condition,
    Decision,
    Delivery,
    Origin,
    Outcome,
    Pack,
    Policy,
)

SERVER = "orthanc"
ORIGIN = Origin("dicom", "MODALITY", "GATEHOUSE", "127.0.0.1", "")


def received(
    instance: str = "instance-1",
    study: str = "study-1",
    digest: str = "digest-1",
    stored_at: float | None = None,
) -> ReceivedInstance:
    """Return an instance as the inbox hands it over."""
    return ReceivedInstance(instance, study, f"series-of-{study}", digest, ORIGIN, stored_at)


def policy(name: str = "basic", *deliver: Delivery, version: int = 1, text: str = "") -> Policy:
    """Return a policy that takes every study."""
    return Policy(
        name=name,
        version=version,
        description="",
        owner="",
        stage="active",
        match=Condition("every-study"),
        checks=(),
        recipe=Recipe(project="tests", policy=name, digest=f"digest-of-{name}-{version}"),
        deliver=deliver or (Delivery("research-pacs", "dicom"),),
        keep_local_label=None,
        retain_original_s=None,
        digest=f"digest-of-{name}-{version}",
        text=text or f"policy: {name}\n",
    )


def pack(*policies: Policy, digest: str = "digest-of-pack") -> Pack:
    """Return a pack; of one policy if none is given."""
    return Pack(policies or (policy(),), digest)


def accepted(by: Policy | None = None) -> Decision:
    """Return the decision to accept a study."""
    found = by or policy()
    return Decision(
        Outcome.ACCEPT,
        found,
        "match",
        "the policy is for this study",
        (Asked(found.name, "match", Answer.YES, 3),),
    )


def output(number: int = 1, sha256: str = "", digest: str = "digest-1") -> Output:
    """Return what was made of ``instance-<number>``."""
    return Output(
        instance=f"instance-{number}",
        attachment_digest=digest,
        policy_digest=policy().digest,
        key_id="key-1",
        software="0.1.0",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sop_instance_uid_old=f"1.2.3.{number}",
        sop_instance_uid_new=f"2.25.{number}",
        series_instance_uid_new="2.25.1000",
        study_instance_uid_new="2.25.2000",
        orthanc_id_new=f"made-{number}",
        study_orthanc_id_new="made-study",
        sha256=sha256 or f"{number:064x}",
        size=1000,
        needles=7,
        actions={"X": 3, "D": 1},
    )


def mark(instance: str = "instance-1", sha256: str = "", at: float = 10.0) -> ReceptionMark:
    """Return what the journal says of an instance that was de-identified on reception."""
    made = output(int(instance.rpartition("-")[2]))
    return ReceptionMark(
        at=at,
        instance=instance,
        study="study-1",
        pack="digest-of-pack",
        policy=made.policy_digest,
        key_id=made.key_id,
        software=made.software,
        sop_class_uid=made.sop_class_uid,
        transfer_syntax_uid=made.transfer_syntax_uid,
        sop_instance_uid_old=made.sop_instance_uid_old,
        sop_instance_uid_new=made.sop_instance_uid_new,
        series_instance_uid_new=made.series_instance_uid_new,
        study_instance_uid_new=made.study_instance_uid_new,
        sha256=sha256 or made.sha256,
        size=made.size,
        needles=made.needles,
        actions=made.actions,
    )


KEY = StudyKey(1, 1)
