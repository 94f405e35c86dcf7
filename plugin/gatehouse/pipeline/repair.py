"""Puts outputs that were lost from the spool back: the same bytes, made once more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.plan import cleans_texts
from gatehouse.errors import HoldError
from gatehouse.pipeline.asking import known_values
from gatehouse.pipeline.ports import Held, MakeJob, MarkedJob
from gatehouse.pipeline.records import Output, StudyKey
from gatehouse.pipeline.release import policy_of
from gatehouse.pipeline.tools import Tools


def repair(tools: Tools, key: StudyKey, outputs: Sequence[Output]) -> None:
    """Make what is not intact in the spool once more.

    Raises
    ------
    HoldError
        If it does not come out with the digest that was verified and recorded.
    """
    lost = [
        one
        for one in outputs
        if not tools.spool.is_intact(*key, one.sop_instance_uid_new, one.sha256)
    ]
    if not lost:
        return
    results = _marked(tools, key, lost) or _made_again(tools, key, lost)
    expected = {one.instance: one.sha256 for one in lost}
    for result in results:
        if isinstance(result, Held):
            raise HoldError(result.rule, result.reason, result.path)
        if result.sha256 != expected[result.instance]:
            raise HoldError(
                "spool.changed",
                "an output was lost from the spool, and what is made of its instance now is not "
                "the same; process the study again",
            )
    tools.spool.settle(*key)


def _marked(tools: Tools, key: StudyKey, lost: Sequence[Output]) -> Iterator[Output | Held] | None:
    """Take what was de-identified on reception out of Orthanc again; None if it was not."""
    if not tools.ledger.marks(tools.server, [one.instance for one in lost]):
        return None
    files = {one.orthanc_id: one.file_uuid for one in tools.ledger.instances(key.study_id)}
    return tools.workshop.marked(
        [MarkedJob(one.instance, (one,), *key, files.get(one.instance, "")) for one in lost]
    )


def _made_again(tools: Tools, key: StudyKey, lost: Sequence[Output]) -> Iterator[Output | Held]:
    accepted = tools.ledger.accepted_by(key)
    if accepted is None:
        raise HoldError("spool.changed", "an output was lost from the spool, and its policy too")
    policy = policy_of(tools, key, *accepted)
    instances = tools.ledger.instances(key.study_id)
    known: KnownValues = NOTHING
    held: list[Held] = []
    if cleans_texts(policy.recipe):
        known, held = known_values(tools, instances)
    for one in held:
        raise HoldError(one.rule, one.reason, one.path)
    files = {one.orthanc_id: one.file_uuid for one in instances}
    jobs = [
        MakeJob(
            *(one.instance, one.attachment_digest, policy.recipe, *key),
            known=known,
            file_uuid=files.get(one.instance, ""),
        )
        for one in lost
    ]
    return tools.workshop.make(jobs)
