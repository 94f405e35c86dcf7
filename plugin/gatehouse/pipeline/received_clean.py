"""The way of a study that was de-identified when it was received: nothing of it is made anew.

Each of its instances has a mark, which says by which policy Gatehouse made it, and its SHA-256.
What Orthanc has is what is delivered, if it is these bytes still. A study that has only some marks,
or none where the policies say that everything is de-identified on reception, is held: nobody knows
what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gatehouse.errors import HoldError
from gatehouse.pipeline.asking import sorted_out
from gatehouse.pipeline.desk_records import ReleaseRecord
from gatehouse.pipeline.ports import Held, MarkedJob
from gatehouse.pipeline.reception_journal import ReceptionMark
from gatehouse.pipeline.records import InstanceRecord, Output, StudyKey
from gatehouse.pipeline.release import RULE as RELEASED
from gatehouse.pipeline.release import released_policy
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.model import Decision, Outcome, Pack, Policy

RULE = "reception"
"""Of a decision that was made for each instance when it was received."""

SEVERAL = "reception.several-policies"
UNMARKED = "reception.unmarked"

Marks = Mapping[str, Sequence[ReceptionMark]]


def marks_of(tools: Tools, instances: Sequence[InstanceRecord]) -> Marks:
    """Return the marks of instances, by Orthanc ID; empty for a study that came as it was."""
    return tools.ledger.marks(tools.server, [one.orthanc_id for one in instances])


def decide_marked(
    tools: Tools,
    key: StudyKey,
    instances: Sequence[InstanceRecord],
    marks: Marks,
    release: ReleaseRecord | None,
    pack: Pack,
) -> tuple[Decision, str] | list[Held]:
    """Accept a study as its instances were accepted, or as a person wants it released.

    Parameters
    ----------
    release : ReleaseRecord or None
        A person's word, by which its destinations are another policy's.
    pack : Pack
        What decides now.

    Returns
    -------
    tuple of Decision, str
        With the digest of the pack that it was decided by.
    list of Held
        Instances that can't go on.

    Raises
    ------
    HoldError
        If it is not wholly of one policy's making.
    """
    unmarked = sum(one.orthanc_id not in marks for one in instances)
    if unmarked:
        raise HoldError(
            UNMARKED,
            f"{unmarked} of its {len(instances)} instances were not de-identified by Gatehouse "
            "when they were received, and are not processed by themselves",
        )
    if release is not None:
        policy = released_policy(pack, release)
        if any(one.when is not None for one in policy.deliver):
            raise HoldError(
                "release.policy",
                "the policy under which it was released asks for its deliveries what is not known "
                "of a study that was de-identified on reception",
            )
        reason = f"a person released it under the policy {policy.name}, as it was received"
        return _accepted(policy, RELEASED, reason), pack.digest
    made_by = _policies(tools, key, instances, marks)
    if isinstance(made_by, list):
        return made_by
    if len(made_by) > 1:
        raise HoldError(
            SEVERAL,
            f"its instances were de-identified on reception under {len(made_by)} policies or "
            "versions of one; it can be released under one of them",
        )
    [(policy_digest, pack_digest)] = made_by.items()
    policy = tools.packs.policy(pack_digest, policy_digest)
    reason = (
        f"each instance was accepted, de-identified and verified when it was received, under the "
        f"policy {policy.name}, version {policy.version}"
    )
    return _accepted(policy, RULE, reason), pack_digest


def refuse_kept(tools: Tools, policy: Policy) -> None:
    """Stop a study that came as it was where its output can't be stored.

    Orthanc would hand the output to the reception, which takes in nothing that we made.

    Raises
    ------
    HoldError
        If this gateway is in reception mode.
    """
    active = tools.ledger.active_pack()
    if active is not None and active.reception:
        raise HoldError(
            "reception.keep-local",
            f"what the policy {policy.name} keeps can't be stored in a gateway in reception mode; "
            "release it under a policy without keep-local",
        )


def marked_jobs(
    key: StudyKey, instances: Sequence[InstanceRecord], marks: Marks, *, is_spooled: bool = True
) -> list[MarkedJob]:
    """Return what brings instances into the spool as they are."""
    return [
        MarkedJob(
            one.orthanc_id,
            tuple(_output(mark, one.attachment_digest) for mark in marks.get(one.orthanc_id, ())),
            *key,
            file_uuid=one.file_uuid,
            is_spooled=is_spooled,
        )
        for one in instances
    ]


def _policies(
    tools: Tools, key: StudyKey, instances: Sequence[InstanceRecord], marks: Marks
) -> dict[str, str] | list[Held]:
    """Return by which policies instances were made, each with the newest pack that had it."""
    newest = sorted((one for several in marks.values() for one in several), key=lambda one: one.at)
    packs = {one.policy: one.pack for one in newest}
    policies: set[str] = set()
    unclear: list[InstanceRecord] = []
    for one in instances:
        of_this = {mark.policy for mark in marks[one.orthanc_id]}
        if len(of_this) == 1:
            policies |= of_this
        else:
            unclear.append(one)  # it came several times: its bytes tell which one is there
    jobs = marked_jobs(key, unclear, marks, is_spooled=False)
    found, held = sorted_out(tools.workshop.marked(jobs))
    if held:
        return held
    policies.update(one.policy_digest for one in found)
    return {policy: packs[policy] for policy in policies}


def _accepted(policy: Policy, rule: str, reason: str) -> Decision:
    return Decision(Outcome.ACCEPT, policy, rule, reason, (), deliver=policy.deliver)


def _output(mark: ReceptionMark, attachment_digest: str) -> Output:
    return Output(
        instance=mark.instance,
        attachment_digest=attachment_digest,
        policy_digest=mark.policy,
        key_id=mark.key_id,
        software=mark.software,
        sop_class_uid=mark.sop_class_uid,
        transfer_syntax_uid=mark.transfer_syntax_uid,
        sop_instance_uid_old=mark.sop_instance_uid_old,
        sop_instance_uid_new=mark.sop_instance_uid_new,
        series_instance_uid_new=mark.series_instance_uid_new,
        study_instance_uid_new=mark.study_instance_uid_new,
        orthanc_id_new=mark.instance,
        study_orthanc_id_new=mark.study,
        sha256=mark.sha256,
        size=mark.size,
        needles=mark.needles,
        actions=mark.actions,
    )
