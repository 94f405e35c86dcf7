"""The outputs of a run: what need not be made, what was made early, and what is made now.

Whatever it is, it is recorded before anybody can get it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_

from gatehouse import __version__
from gatehouse.deid.known_values import NOTHING, KnownValues
from gatehouse.deid.plan import cleans_texts
from gatehouse.pipeline.asking import known_values
from gatehouse.pipeline.early import Early
from gatehouse.pipeline.ports import Held, MakeJob
from gatehouse.pipeline.received_clean import Marks, marked_jobs
from gatehouse.pipeline.records import InstanceRecord, Output, StudyKey
from gatehouse.pipeline.release import deliveries_of
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.model import Policy

EARLY_BATCH = 500
"""Outputs that are there already in one transaction; it takes a fraction of a second."""


class Making:
    """Where the outputs of runs come from, over the ports of a worker."""

    def __init__(self, tools: Tools, early: Early) -> None:
        self._tools = tools
        self._early = early

    def results(
        self,
        key: StudyKey,
        policy: Policy,
        instances: Sequence[InstanceRecord],
        known: KnownValues,
        marks: Marks,
    ) -> Iterator[Output | Held]:
        """Make what is missing; of a study that was de-identified on reception, take what is."""
        if marks:
            return self._tools.workshop.marked(marked_jobs(key, instances, marks))
        return self._tools.workshop.make(
            [
                MakeJob(
                    *(one.orthanc_id, one.attachment_digest, policy.recipe, *key),
                    known=known,
                    file_uuid=one.file_uuid,
                )
                for one in instances
            ]
        )

    def known(
        self, key: StudyKey, policy: Policy, instances: Sequence[InstanceRecord]
    ) -> tuple[KnownValues, list[Held]]:
        """Return what all instances say of persons, if texts are to be cleaned of it."""
        if not cleans_texts(policy.recipe):
            return NOTHING, []
        early = self._early.known(key, instances)
        rest = [one for one in instances if one.orthanc_id not in early]
        found, held = known_values(self._tools, rest)
        return reduce(or_, early.values(), found), held

    def made_early(
        self,
        key: StudyKey,
        policy: Policy,
        instances: Sequence[InstanceRecord],
        known: KnownValues,
        outputs: Mapping[str, Output],
    ) -> dict[str, Output]:
        """Take over what was made while the study arrived, and is what would be made now."""
        tools = self._tools
        if tools.early_spool is None:
            return {}
        made = self._early.outputs(key, instances, policy.recipe, known)
        # Two of one name have overwritten each other; they are made again, and hold the study.
        uses = Counter(one.sop_instance_uid_new for one in made)
        found = [
            one
            for one in made
            if one.instance not in outputs
            and uses[one.sop_instance_uid_new] == 1
            and tools.early_spool.path(*key, one.sop_instance_uid_new).exists()
        ]
        for start in range(0, len(found), EARLY_BATCH):
            part = found[start : start + EARLY_BATCH]
            tools.spool.adopt(tools.early_spool, *key, [one.sop_instance_uid_new for one in part])
            if not self.record(key, part):
                break
        # A run that was superseded ends with what it records next.
        return {one.instance: one for one in found}

    def outputs_so_far(
        self, key: StudyKey, policy: Policy, instances: Sequence[InstanceRecord]
    ) -> dict[str, Output]:
        """Return what need not be made: by this run before a crash, or by an earlier run."""
        tools = self._tools
        made = {
            one.instance: one
            for one in tools.ledger.outputs(key)
            if one.carried_from or tools.spool.path(*key, one.sop_instance_uid_new).exists()
        }
        present = {one.orthanc_id for one in instances}
        # Texts of an earlier run were cleaned without the names that new instances know.
        reusable = (
            []
            if cleans_texts(policy.recipe)
            else tools.ledger.reusable(
                key, policy.digest, tools.key_id, __version__, deliveries_of(tools, key, policy)
            )
        )
        carried = [one for one in reusable if one.instance in present and one.instance not in made]
        self.record(key, carried)
        return made | {one.instance: one for one in carried}

    def record(self, key: StudyKey, outputs: Sequence[Output]) -> bool:
        """Keep outputs, before anybody can get them; False if the run was superseded."""
        ledger = self._tools.ledger
        self._tools.spool.settle(*key)
        # Registered wherever they may go: a destination could send them back to us.
        ledger.register_own_outputs(key, self._tools.server, outputs, self._tools.now())
        return ledger.record_outputs(key, outputs)
